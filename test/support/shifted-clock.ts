/** Real time, moved ahead by a test: for what waits hours between steps that are real requests. */
import { Clock, Effect } from "effect"

export const shiftedClock = () => {
  const real = Clock.Clock.defaultValue()
  let shift = 0
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + shift,
    currentTimeMillis: Effect.sync(() => real.currentTimeMillisUnsafe() + shift),
    currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe(),
    currentTimeNanos: real.currentTimeNanos,
    monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: real.monotonicTimeNanos,
    sleep: (duration) => real.sleep(duration),
  }
  return {
    clock,
    now: () => clock.currentTimeMillisUnsafe(),
    pass: (millis: number) => {
      shift += millis
    },
    /** Ahead to that time, epoch ms. */
    set: (time: number) => {
      shift = time - real.currentTimeMillisUnsafe()
    },
  }
}
export type ShiftedClock = ReturnType<typeof shiftedClock>
