/** What a vehicle's actor does with the mail it has: all of it decided, in order, before anything is appended. */
import * as Decide from "../../domain/vehicle/decide.ts"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import type { Observation } from "../../domain/vehicle/observation.ts"
import * as State from "../../domain/vehicle/state.ts"
import type { Twin } from "../../domain/vehicle/twin.ts"
import type { Outcome, RefusalReason } from "./vehicles.ts"

/** What an actor is sent. */
export type Mail =
  | {
    readonly _tag: "Observed"
    readonly observations: ReadonlyArray<Observation>
    readonly answer: (outcomes: ReadonlyArray<Outcome>) => void
  }
  | {
    readonly _tag: "Commanded"
    /** None where the command fails; it may be asked again, after a conflict. */
    readonly decide: (state: State.State) => ReadonlyArray<VehicleEvent>
    readonly answer: (twin: Twin) => void
    readonly unavailable: (cause: unknown) => void
  }

export interface Decided {
  readonly state: State.State
  readonly events: ReadonlyArray<VehicleEvent>
  /** Messages of telemetry that have come again since the last event. */
  readonly repeats: number
  /** To be called once the events are durable. */
  readonly answer: () => void
}

const accepted: Outcome = { _tag: "Accepted" }
const repeated: Outcome = { _tag: "Repeated" }
const notRegistered: Outcome = {
  _tag: "Refused",
  reason: "not_registered",
  message: "the vehicle is not registered, and VEHICLES=registered takes no others; register it, then retry",
}

/** `before` messages had come again since the last event. */
export const decide = (
  from: State.State,
  mail: ReadonlyArray<Mail>,
  admission: Decide.Admission,
  before: number,
): Decided => {
  let state = from
  let repeats = before
  const events: Array<VehicleEvent> = []
  const answers: Array<() => void> = []
  const take = (decided: ReadonlyArray<VehicleEvent>) => {
    for (const one of decided) {
      const event = repeats === 0 ? one : { ...one, metadata: { ...one.metadata, repeats } }
      repeats = 0
      state = State.evolve(state, event, state.twin.revision + 1)
      events.push(event)
    }
  }
  for (const one of mail) {
    if (one._tag === "Commanded") {
      take(one.decide(state))
      const { twin } = state
      answers.push(() => one.answer(twin))
      continue
    }
    const outcomes: Array<Outcome> = []
    for (const observation of one.observations) {
      const decision = Decide.observe(state, observation, admission)
      if (decision._tag === "Accepted") {
        take(decision.events)
        outcomes.push(accepted)
      } else if (decision._tag === "Repeated") {
        // Of all else a repeat may be news of what is known, such as a status that the broker has kept.
        if (observation._tag === "Telemetry") repeats++
        outcomes.push(repeated)
      } else outcomes.push(notRegistered)
    }
    answers.push(() => one.answer(outcomes))
  }
  return {
    state,
    events,
    repeats,
    answer: () => {
      for (const answer of answers) answer()
    },
  }
}

/** Answers mail that can never be taken. */
export const refuse = (mail: ReadonlyArray<Mail>, reason: RefusalReason, cause: unknown): void => {
  const message = cause instanceof Error ? cause.message : String(cause)
  for (const one of mail) {
    if (one._tag === "Commanded") one.unavailable(cause)
    else one.answer(one.observations.map(() => ({ _tag: "Refused", reason, message })))
  }
}

/** Smaller mail that together is the same, or undefined where it is one thing. */
export const split = (mail: ReadonlyArray<Mail>): readonly [ReadonlyArray<Mail>, ReadonlyArray<Mail>] | undefined => {
  if (mail.length > 1) {
    const middle = mail.length >> 1
    return [mail.slice(0, middle), mail.slice(middle)]
  }
  const [one] = mail
  if (one?._tag !== "Observed" || one.observations.length < 2) return undefined
  const middle = one.observations.length >> 1
  let first: ReadonlyArray<Outcome> = []
  return [
    [{
      _tag: "Observed",
      observations: one.observations.slice(0, middle),
      answer: (outcomes) => {
        first = outcomes
      },
    }],
    [{
      _tag: "Observed",
      observations: one.observations.slice(middle),
      answer: (outcomes) => one.answer([...first, ...outcomes]),
    }],
  ]
}
