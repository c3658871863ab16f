/** `Vehicles` and `DeadLetters` that remember what they were told, and answer as the test wants. */
import { Effect, Layer } from "effect"
import type { Observation } from "../../domain/vehicle/observation.ts"
import { type DeadLetter, DeadLetters } from "../../src/deadletters/dead-letters.ts"
import { type Outcome, Vehicles } from "../../src/vehicles/vehicles.ts"

export interface Observed {
  readonly vin: string
  readonly observations: ReadonlyArray<Observation>
}

export const accepted = (observations: ReadonlyArray<Observation>): ReadonlyArray<Outcome> =>
  observations.map(() => ({ _tag: "Accepted" }))

export class RecordingVehicles {
  /** Calls as they began. */
  readonly begun: Array<Observed> = []
  /** Calls that were answered: what is durable. */
  readonly durable: Array<Observed> = []
  readonly layer: Layer.Layer<Vehicles>

  constructor(answer: (call: Observed) => Effect.Effect<ReadonlyArray<Outcome>> = ({ observations }) =>
    Effect.succeed(accepted(observations))
  ) {
    this.layer = Layer.succeed(Vehicles, Vehicles.of({
      observe: (vin, observations) =>
        Effect.suspend(() => {
          const call = { vin, observations }
          this.begun.push(call)
          return Effect.tap(answer(call), () => Effect.sync(() => this.durable.push(call)))
        }),
      register: () => Effect.die(new Error("not in this test")),
      recordService: () => Effect.die(new Error("not in this test")),
      lapse: () => Effect.die(new Error("not in this test")),
      current: () => Effect.die(new Error("not in this test")),
    }))
  }

  /** The sequence numbers that became durable, in order. */
  seqs(vin?: string): Array<number> {
    return seqsOf(this.durable, vin)
  }
}

export const seqsOf = (calls: ReadonlyArray<Observed>, vin?: string): Array<number> =>
  calls
    .filter((call) => vin === undefined || call.vin === vin)
    .flatMap(({ observations }) =>
      observations.flatMap((observation) =>
        observation._tag === "Telemetry" && observation.identity._tag === "Sequenced" ? [observation.identity.seq] : []
      )
    )

export class RecordingDeadLetters {
  readonly letters: Array<DeadLetter> = []
  readonly layer: Layer.Layer<DeadLetters> = Layer.succeed(DeadLetters, DeadLetters.of({
    put: (letters) =>
      Effect.sync(() => {
        this.letters.push(...letters)
      }),
  }))
}
