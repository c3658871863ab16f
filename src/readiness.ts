/** Whether the service can do its work now: what `/readyz` asks. */
import { Cause, Context, Effect } from "effect"

export interface Check {
  /** As an operator knows it: `event store`, `broker`. */
  readonly name: string
  /** Fails where that cannot be used. */
  readonly check: Effect.Effect<unknown, unknown>
}

export class Readiness extends Context.Service<Readiness, {
  readonly checks: ReadonlyArray<Check>
}>()("vehicle-twin/Readiness") {}

export interface NotReady {
  readonly name: string
  readonly reason: string
}

/** What is not ready; a check that takes longer than this is not. */
export const ask = Readiness.use(({ checks }) =>
  Effect.forEach(checks, ({ name, check }) =>
    check.pipe(
      Effect.timeout("2 seconds"),
      Effect.as([]),
      Effect.catchCause((cause) => Effect.succeed([{ name, reason: reasonOf(cause) }])),
    ), { concurrency: "unbounded" })
).pipe(Effect.map((found): ReadonlyArray<NotReady> => found.flat()))

const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}
