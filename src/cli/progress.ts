/**
 * How far a long command has come, on standard error: a bar on a terminal, elsewhere a line now and then. Standard
 * output stays free for data.
 */
import { SingleBar } from "cli-progress"
import { Effect } from "effect"

export interface Progress {
  /**
   * @param count What is done so far, in the command's unit.
   * @param fraction How much of all that is, from 0 to 1; undefined where nobody can know.
   * @param note What else to say, such as a position to go on from.
   */
  readonly update: (count: number, fraction?: number, note?: string) => void
}

/** Between two lines where there is no terminal, ms. */
const lineEvery = 5_000
const steps = 10_000
/** Of the bar, in characters. */
const width = 30

/** Shown until the scope closes. `unit` is what is counted: `events`. */
export const progress = (unit: string) =>
  Effect.acquireRelease(
    Effect.sync(() => (process.stderr.isTTY ? bar(unit) : lines(unit))),
    ({ stop }) => Effect.sync(stop),
  ).pipe(Effect.map(({ update }): Progress => ({ update })))

const rateSince = (started: number, count: number): string => {
  const seconds = (performance.now() - started) / 1_000
  return `${Math.round(count / Math.max(seconds, 0.001))}/s`
}

const bar = (unit: string) => {
  const started = performance.now()
  const shown = new SingleBar({
    stream: process.stderr,
    format: (_, { progress, value }, { count, known, note }: { count: number; known: boolean; note: string }) => {
      const seconds = (performance.now() - started) / 1_000
      const told = `${count} ${unit}, ${rateSince(started, count)}${note}`
      if (!known) return told
      const done = "█".repeat(Math.round(progress * width)).padEnd(width, "░")
      const left = progress > 0 ? `, ${Math.ceil(seconds / progress - seconds)} s left` : ""
      return `${done} ${Math.floor(value * 100 / steps)}%${left} · ${told}`
    },
    clearOnComplete: false,
    hideCursor: true,
    fps: 5,
  })
  shown.start(steps, 0, { count: 0, known: false, note: "" })
  return {
    update: (count: number, fraction?: number, note?: string) =>
      shown.update(Math.min(steps, Math.floor((fraction ?? 0) * steps)), {
        count,
        known: fraction !== undefined,
        note: note === undefined ? "" : ` · ${note}`,
      }),
    stop: () => shown.stop(),
  }
}

const lines = (unit: string) => {
  const started = performance.now()
  let next = started + lineEvery
  return {
    update: (count: number, fraction?: number, note?: string) => {
      const now = performance.now()
      if (now < next) return
      next = now + lineEvery
      const part = fraction === undefined ? "" : ` (${Math.floor(fraction * 100)}%)`
      const more = note === undefined ? "" : `, ${note}`
      process.stderr.write(`${count} ${unit}${part}, ${rateSince(started, count)}${more}\n`)
    },
    stop: () => {},
  }
}
