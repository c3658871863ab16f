import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Identity from "../../../domain/vehicle/identity.ts"
import { vin } from "../../support/given.ts"

const anyIdentity = fc.oneof(
  fc.tuple(fc.string(), fc.maxSafeNat()).map(([session, seq]) => Identity.sequenced(session, seq)),
  fc.string().map(Identity.byId),
  fc.string().map((content) => Identity.byContent(vin, "2026-11-22T08:15:30.250Z", content)),
)

describe("a message's identity", () => {
  it("is read back from the text it is stored as, whatever a sender writes into it", () => {
    fc.assert(fc.property(anyIdentity, (identity) => {
      expect(Identity.fromText(Identity.toText(identity))).toEqual(identity)
    }))
    const tricky = [Identity.byId("seq:1@a"), Identity.byId("hash:x"), Identity.sequenced("2@b\nc", 1)]
    for (const identity of tricky) expect(Identity.fromText(Identity.toText(identity))).toEqual(identity)
  })

  it("differs where vehicle, time or content do", () => {
    const other = "LSVAA4187E0000002" as typeof vin
    const keys = [
      Identity.byContent(vin, "t", "c"),
      Identity.byContent(other, "t", "c"),
      Identity.byContent(vin, "u", "c"),
      Identity.byContent(vin, "t", "d"),
    ].map(Identity.toText)
    expect(new Set(keys).size).toBe(4)
  })
})

describe("an event's id", () => {
  it("is the version 5 UUID that others would make of the name", () => {
    // python3: uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, "vehicle-twin"), "x")
    expect(Identity.uuid("x")).toBe("d5ac3bc1-6fe8-5fa1-903e-1c4bd845cc9f")
    expect(Identity.uuid("沪A")).toBe("3d5c567f-dd65-5c81-9208-f010dbb2bd70")
  })
})
