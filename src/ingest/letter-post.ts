/** Takes dead letters from the intake to where they are stored, many at a time, and says when they are durable. */
import { Cause, Effect, Schedule } from "effect"
import type { DeadLetter, DeadLetters } from "../deadletters/dead-letters.ts"

const lettersAtOnce = 128

/** `from` is the message that was rejected, whole or in part. */
export interface Letter<From> {
  readonly letter: DeadLetter
  readonly from: From
}

/** What became of letters. They failed if storing them is a defect: while the store is away they wait. */
export interface Receipt<From> {
  readonly stored: (letters: ReadonlyArray<Letter<From>>) => void
  readonly failed: (letters: ReadonlyArray<Letter<From>>) => void
}

export interface LetterPost<From> {
  readonly add: (letter: Letter<From>) => void
  /** Takes what was added on its way, unless that is being done. */
  readonly start: () => void
}

export const make = <From>(
  deadLetters: DeadLetters["Service"],
  fork: (effect: Effect.Effect<void>) => unknown,
  receipt: Receipt<From>,
): LetterPost<From> => {
  const waiting: Array<Letter<From>> = []
  let isUnderWay = false

  const run = Effect.gen(function*() {
    while (waiting.length > 0) {
      const letters = waiting.splice(0, lettersAtOnce)
      yield* deadLetters.put(letters.map(({ letter }) => letter)).pipe(
        Effect.tapError(({ message }) =>
          Effect.logWarning(`Dead letters wait, and what they are of is not acknowledged: ${message}`)
        ),
        Effect.retry(patiently),
        Effect.orDie,
        Effect.matchCauseEffect({
          onSuccess: () => Effect.sync(() => receipt.stored(letters)),
          onFailure: (cause) => {
            if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
            receipt.failed(letters)
            return Effect.logError("Dead letters could not be stored", cause)
          },
        }),
      )
    }
    isUnderWay = false
  })

  return {
    add: (letter) => {
      waiting.push(letter)
    },
    start: () => {
      if (isUnderWay || waiting.length === 0) return
      isUnderWay = true
      fork(run)
    },
  }
}

/** Until it succeeds: 0.1 s, doubling to 5 s. */
const patiently = Schedule.exponential("100 millis").pipe(
  (growing) => Schedule.min([growing, Schedule.spaced("5 seconds")]),
  Schedule.jittered,
)
