/** What the server's answers mean for a subscriber, in whatever order they come. */
import shared from "@eventstore/db-client/generated/shared_pb.js"
import { describe, expect, it } from "vitest"
import { textOf, toPosition, uuid } from "../../src/eventstore/eventstoredb-messages.ts"
import { Progress } from "../../src/eventstore/eventstoredb-progress.ts"
import { beginning, fromNumber } from "../../src/eventstore/position.ts"
import { answers } from "./eventstoredb-scripted.ts"

const told = (progress: Progress) =>
  progress.deliveries(true).map((delivery) =>
    delivery._tag === "Events"
      ? `${delivery.events.map(({ revision }) => revision).join()} up to ${Number.parseInt(delivery.upTo, 16)}`
      : delivery._tag === "Checkpoint"
      ? `seen up to ${Number.parseInt(delivery.upTo, 16)}`
      : delivery._tag
  )

describe("what a subscriber to EventStoreDB is told", () => {
  const newProgress = () => new Progress(beginning, undefined)

  it("counts a checkpoint only once something later has come, since the event that stands there may follow", () => {
    const progress = newProgress()
    progress.take([answers.event(10), answers.checkpoint(20)])
    expect(told(progress)).toEqual(["10 up to 10"])
    expect(progress.seen).toBe(fromNumber(10))
    progress.take([answers.event(20), answers.checkpoint(30)])
    expect(told(progress)).toEqual(["20 up to 20"])
    progress.take([answers.checkpoint(40)])
    expect(told(progress)).toEqual(["seen up to 30"])
    progress.take([answers.event(40), answers.checkpoint(50), answers.event(60)])
    expect(told(progress)).toEqual(["40,60 up to 60"])
  })

  it("does not pass over what is written at the position of a checkpoint after the server has caught up", () => {
    const progress = newProgress()
    progress.take([answers.event(10), answers.checkpoint(20), answers.caughtUp()])
    expect(progress.seen).toBe(fromNumber(10))
    progress.take([answers.event(20)])
    expect(told(progress)).toEqual(["10,20 up to 20"])
  })

  it("is that it has caught up after all that came before, and once until it has fallen behind", () => {
    const progress = newProgress()
    progress.take([answers.event(10), answers.caughtUp(), answers.event(20)])
    expect(progress.isLive).toBe(true)
    progress.catchUp()
    progress.catchUp()
    expect(told(progress)).toEqual(["10,20 up to 20", "CaughtUp"])
    progress.take([answers.fellBehind()])
    expect(progress.isLive).toBe(false)
    progress.take([answers.caughtUp()])
    progress.catchUp()
    expect(told(progress)).toEqual(["CaughtUp"])
  })

  it("never goes back, and nothing twice, whatever a new subscription sends again", () => {
    const progress = newProgress()
    progress.take([answers.event(10), answers.event(20)])
    expect(told(progress)).toEqual(["10,20 up to 20"])
    progress.begin()
    progress.take([answers.checkpoint(5), answers.event(10), answers.event(20), answers.event(30)])
    expect(told(progress)).toEqual(["30 up to 30"])
  })

  it("passes over what the system wrote", () => {
    const progress = newProgress()
    progress.take([answers.event(10, "$metadata")])
    expect(told(progress)).toEqual(["seen up to 10"])
  })

  it("has ids as they were appended, also where the server says them in numbers", () => {
    const structured = new shared.UUID.Structured()
    structured.setMostSignificantBits("-1").setLeastSignificantBits("255")
    expect(textOf(new shared.UUID().setStructured(structured))).toBe("ffffffff-ffff-ffff-0000-0000000000ff")
    expect(textOf(uuid("0b5fc0ff-ee00-4000-8000-000000000001"))).toBe("0b5fc0ff-ee00-4000-8000-000000000001")
  })

  it("has positions of 64 bits", () => {
    expect(toPosition("18446744073709551615")).toBe("ffffffffffffffff")
    expect(toPosition("9007199254740993") > toPosition("9007199254740992")).toBe(true)
    expect(toPosition("0")).toBe(beginning)
  })
})
