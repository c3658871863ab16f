/** However a history reaches a vehicle, it makes the same twin and no event of a message twice. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { VehicleEvent } from "../../../domain/vehicle/events.ts"
import type { Observation } from "../../../domain/vehicle/observation.ts"
import * as State from "../../../domain/vehicle/state.ts"
import * as Turn from "../../../src/vehicles/turn.ts"
import type { Outcome } from "../../../src/vehicles/vehicles.ts"
import { deliveryOf, messageHistory, presenceHistory, wholeHistory } from "../../support/arbitraries.ts"
import { observeAll, vin } from "../../support/given.ts"

const initial = State.initial(vin)
const options = { numRuns: 500 }

const distinctIds = (events: ReadonlyArray<VehicleEvent>) => {
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
}

const pick = <A>(all: ReadonlyArray<A>, places: ReadonlyArray<number>): ReadonlyArray<A> =>
  places.flatMap((place) => all.slice(place, place + 1))

/** Two brokers with the same facts in order: `turns` says whose turn it is, and what is left comes last. */
const interleave = (history: ReadonlyArray<Observation>, turns: ReadonlyArray<boolean>): ReadonlyArray<Observation> => {
  const order: Array<number> = []
  let mqtt = 0
  let kafka = 0
  for (const turn of turns) {
    if (turn && mqtt < history.length) order.push(mqtt++)
    else if (!turn && kafka < history.length) order.push(kafka++)
  }
  while (mqtt < history.length) order.push(mqtt++)
  while (kafka < history.length) order.push(kafka++)
  return pick(history, order)
}
const turns = fc.array(fc.boolean(), { maxLength: 60, size: "max" })

const presenceOf = ({ twin }: State.State) => ({ online: twin.online, session: twin.session })

describe("messages that name themselves", () => {
  const delivered = messageHistory.chain((history) =>
    fc.record({ history: fc.constant(history), order: deliveryOf(history.length) })
  )

  it("make the same events and twin however often a broker goes back", () => {
    fc.assert(fc.property(delivered, ({ history, order }) => {
      const once = observeAll(initial, history)
      const again = observeAll(initial, pick(history, order))
      expect(again.state).toStrictEqual(once.state)
      expect(again.events).toStrictEqual(once.events)
      distinctIds(again.events)
    }), options)
  })

  it("make the same events and twin over two brokers, in whatever turns", () => {
    fc.assert(fc.property(messageHistory, turns, (history, whose) => {
      const once = observeAll(initial, history)
      const both = observeAll(initial, interleave(history, whose))
      expect(both.state).toStrictEqual(once.state)
      expect(both.events).toStrictEqual(once.events)
    }), options)
  })
})

describe("statuses", () => {
  it("end in the same presence however often a broker goes back", () => {
    const delivered = presenceHistory.chain((history) =>
      fc.record({ history: fc.constant(history), order: deliveryOf(history.length) })
    )
    fc.assert(fc.property(delivered, ({ history, order }) => {
      const again = observeAll(initial, pick(history, order))
      expect(presenceOf(again.state)).toStrictEqual(presenceOf(observeAll(initial, history).state))
      distinctIds(again.events)
    }), options)
  })

  it("end in the same presence over two brokers, in whatever turns", () => {
    fc.assert(fc.property(presenceHistory, turns, (history, whose) => {
      const both = observeAll(initial, interleave(history, whose))
      expect(presenceOf(both.state)).toStrictEqual(presenceOf(observeAll(initial, history).state))
    }), options)
  })
})

describe("batches", () => {
  it("make the same events, twin and answers in whatever groups they come", () => {
    fc.assert(fc.property(wholeHistory, fc.array(fc.nat({ max: 6 })), fc.boolean(), (history, sizes, open) => {
      const admission = open ? "open" : "registered"
      const single = observeAll(initial, history, admission)
      let state = initial
      const events: Array<VehicleEvent> = []
      const outcomes: Array<Outcome["_tag"]> = []
      let from = 0
      for (const size of [...sizes, history.length]) {
        const mail: ReadonlyArray<Turn.Mail> = [history.slice(from, from + size), history.slice(from + size, from + 2 * size)]
          .map((observations) => ({
            _tag: "Observed",
            observations,
            answer: (answers) => outcomes.push(...answers.map(({ _tag }) => _tag)),
          }))
        from += 2 * size
        const decided = Turn.decide(state, mail, admission, 0)
        state = decided.state
        events.push(...decided.events)
        decided.answer()
      }
      expect(state).toStrictEqual(single.state)
      expect(events).toStrictEqual(single.events)
      expect(outcomes).toEqual(single.tags)
    }), options)
  })
})
