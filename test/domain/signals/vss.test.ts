/**
 * The release itself is not shipped: COVESA's `vss_release_6.0.json` is looked for beside the repository, and where it
 * is missing the tests that need it are skipped and say so.
 */
import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { existsSync, readFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import { catalogue, withRelease } from "../../../domain/signals/catalogue.ts"
import { overlay } from "../../../domain/signals/overlay.ts"
import type { Signal } from "../../../domain/signals/signal.ts"
import { standardSignals } from "../../../domain/signals/standard-signals.ts"
import { fromVss } from "../../../domain/signals/vss.ts"
import { skipped } from "../../support/say.ts"

const file = new URL("../../../../shared/data/vss/vss_release_6.0.json", import.meta.url)
const json: unknown = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined
if (json === undefined) skipped("no ../shared/data/vss/vss_release_6.0.json, so nothing is checked against VSS 6.0")
const released = fromVss(json)
const release = Result.isSuccess(released) ? released.success : []

const facts = (signal: Signal | undefined) =>
  signal && [signal.path, signal.type, signal.unit, signal.min, signal.max, signal.allowed]

describe.skipIf(json === undefined)("VSS 6.0", () => {
  const byPath = new Map(release.map((signal) => [signal.path, signal]))

  it("loads whole, all 1,263 signals", () => {
    expect(Result.isFailure(released) ? released.failure : undefined).toBeUndefined()
    expect(release.length).toBe(1263)
    expect(byPath.size).toBe(1263)
  })

  it("agrees with each standard signal in type, unit, limits and allowed values", () => {
    const differing = standardSignals
      .map((signal) => ({ ours: facts(signal), theirs: facts(byPath.get(signal.path)) }))
      .filter(({ ours, theirs }) => !isDeepStrictEqual(ours, theirs))
    expect(differing).toEqual([])
  })

  it("calls attributes what never goes stale here", () => {
    const differs = standardSignals.filter(
      ({ path, staleAfter }) => (staleAfter === Infinity) !== (byPath.get(path)?.staleAfter === Infinity),
    )
    expect(differs.map(({ path }) => path)).toEqual([])
  })

  it("has none of the overlay's paths", () => {
    expect(overlay.filter(({ path }) => byPath.has(path))).toEqual([])
  })

  it("gives, with the overlay, a catalogue of every signal", () => {
    const whole = withRelease(release)
    expect(whole.size).toBe(1263 + overlay.length)
    expect(whole.get("Vehicle.Speed")).toMatchObject({ unit: "km/h", deadband: 0.5, staleAfter: 90_000 })
    expect(whole.get("Vehicle.Cabin.Infotainment.Navigation.DestinationSet.Latitude")?.personal).toBe(true)
    expect(whole.suggest("Vehicle.Cabin.Sunroof.Positon")).toBe("Vehicle.Cabin.Sunroof.Position")
    expect(catalogue.get("Vehicle.Cabin.Sunroof.Position")).toBeUndefined()
  })
})

const branch = (children: unknown) => ({ type: "branch", description: "", children })
const speed = { type: "sensor", datatype: "float", unit: "km/h", description: "How fast." }

const place = (vehicle: unknown) => {
  const read = fromVss({ Vehicle: vehicle })
  return Result.isFailure(read) ? read.failure.place : "none"
}

describe("a release of VSS", () => {
  it("gives signals with a deadband and a staleness by unit and kind", () => {
    const read = fromVss({
      Vehicle: branch({
        Speed: speed,
        Year: { type: "attribute", datatype: "uint16", description: "" },
        IsOpen: { type: "actuator", datatype: "boolean", description: "" },
        Mode: { type: "actuator", datatype: "string[]", allowed: ["A", "B"], description: "" },
        Level: { type: "sensor", datatype: "uint8", min: 1, max: 9, description: "" },
      }),
    })
    const signals = Result.getOrElse(read, () => [])
    expect(signals).toMatchObject([
      {
        path: "Vehicle.Speed", type: "float", unit: "km/h", deadband: 1, staleAfter: 600_000, personal: false,
        description: "How fast.",
      },
      { path: "Vehicle.Year", type: "uint16", deadband: 0, staleAfter: Infinity, personal: false, description: "" },
      { path: "Vehicle.IsOpen", type: "boolean", deadband: 0, staleAfter: 86_400_000, personal: false },
      {
        path: "Vehicle.Mode", type: "string[]", allowed: ["A", "B"], deadband: 0, staleAfter: 86_400_000,
        personal: false, description: "",
      },
      {
        path: "Vehicle.Level", type: "uint8", min: 1, max: 9, deadband: 0, staleAfter: 600_000, personal: false,
        description: "",
      },
    ])
    expect(signals.map(({ accepts }) => accepts(8))).toEqual([true, true, false, false, true])
  })

  it("is refused with the place that is wrong", () => {
    const at = (leaf: object) => place(branch({ Speed: { ...speed, ...leaf } }))
    expect(at({})).toBe("none")
    expect(at({ type: "struct" })).toBe("Vehicle.Speed.type")
    expect(at({ datatype: undefined })).toBe("Vehicle.Speed.datatype")
    expect(at({ datatype: "float32" })).toBe("Vehicle.Speed.datatype")
    expect(at({ unit: 3 })).toBe("Vehicle.Speed.unit")
    expect(at({ min: "0" })).toBe("Vehicle.Speed.min")
    expect(at({ min: 2, max: 1 })).toBe("Vehicle.Speed.min")
    expect(at({ datatype: "string", max: 1 })).toBe("Vehicle.Speed.max")
    expect(at({ allowed: [] })).toMatch(/^Vehicle\.Speed\.allowed/)
    expect(at({ datatype: "string", allowed: ["A", 1] })).toBe("Vehicle.Speed.allowed.1")
    expect(place(branch({ Cabin: { type: "branch" } }))).toBe("Vehicle.Cabin.children")
    expect(place(branch({ Cabin: branch({ Door: 4 }) }))).toBe("Vehicle.Cabin.Door")
    expect(place(branch({ "A.B": speed }))).toBe("Vehicle")
    expect(place(branch({}))).toBe("")
    expect(place(undefined)).toBe("Vehicle")
  })

  it("says in words what is wrong there", () => {
    const read = fromVss({ Vehicle: branch({ Speed: { ...speed, datatype: "float32" } }) })
    expect(Result.isFailure(read) ? read.failure : undefined).toEqual({
      _tag: "MalformedRelease",
      place: "Vehicle.Speed.datatype",
      message: `Vehicle.Speed.datatype: unknown datatype "float32"`,
    })
  })

  it("is judged without a throw whatever it is, however deep", () => {
    let deep: unknown = speed
    for (let i = 0; i < 20_000; i++) deep = branch({ A: deep })
    expect(Result.isFailure(fromVss({ Vehicle: deep }))).toBe(true)
    fc.assert(fc.property(fc.anything(), (anything) => {
      expect(Result.isFailure(fromVss(anything))).toBe(true)
      expect(Result.isFailure(fromVss({ Vehicle: branch({ Speed: anything }) }))).toBe(true)
    }))
  })
})
