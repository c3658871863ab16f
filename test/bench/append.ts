/**
 * What an append costs, and that it costs the same when the log is long: one event an append, 500 appenders, over
 * 1,000 and over 20,000 streams, through the service, each acknowledged only once it is durable.
 */
import { Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { EventStore, type EventToAppend } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/sqlite.ts"

export interface AppendFigures {
  readonly streams: number
  /** Events a second in a log of `shortLog` events and more, and in one of `longLog`. */
  readonly rateShort: number
  readonly rateLong: number
  /** Milliseconds from append to acknowledgement, in the long log: half, and 99 of 100, were faster. */
  readonly p50Long: number
  readonly p99Long: number
}

export const shortLog = 20_000
export const longLog = 2_000_000
/**
 * A figure is the median of several runs, and the runs in the two logs take turns: the disk's pace differs from one
 * second to the next by more than the logs do.
 */
const runs = 7
const measured = 30_000
const appenders = 500

const newEvent = (n: number): EventToAppend => ({
  id: randomUUID(),
  type: "TelemetryReceived",
  data: {
    session: "boot-17",
    seq: n,
    at: "2026-11-22T08:15:30.250Z",
    signals: {
      "Vehicle.Speed": n % 200,
      "Vehicle.TraveledDistance": 123_456_789 + n,
      "Vehicle.CurrentLocation.Latitude": 31.2304,
      "Vehicle.CurrentLocation.Longitude": 121.4737,
      "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": 77.2,
    },
  },
  metadata: { receivedAt: 1_795_000_000_000 + n, source: "mqtt" },
})

/** Appends `count` events, `perAppend` at a time, to the streams in turn. Gives the seconds and each append's own. */
const appendAll = Effect.fnUntraced(function*(revisions: Array<number>, count: number, perAppend: number) {
  const store = yield* EventStore
  const millis: Array<number> = []
  let left = count / perAppend
  let turn = 0
  const appender = Effect.gen(function*() {
    while (left-- > 0) {
      const stream = turn++ % revisions.length
      const revision = revisions[stream] ?? -1
      const events = Array.from({ length: perAppend }, (_, n) => newEvent(n))
      const started = performance.now()
      const result = yield* store.append(`vehicle-${stream}`, revision < 0 ? "no_stream" : revision, events)
      millis.push(performance.now() - started)
      revisions[stream] = result.revision
    }
  })
  const started = performance.now()
  yield* Effect.all(Array.from({ length: appenders }, () => appender), { concurrency: "unbounded", discard: true })
  return { seconds: (performance.now() - started) / 1_000, millis: millis.toSorted((a, b) => a - b) }
})

type Run = Effect.Success<ReturnType<typeof appendAll>>

const median = (figures: ReadonlyArray<Run>): Run =>
  figures.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(figures.length / 2)] ?? { seconds: 0, millis: [] }

/** A log with this many events, and how to append more to it. */
const filledLog = Effect.fnUntraced(function*(file: string, streams: number, events: number) {
  const services = yield* Layer.build(layer({ file }))
  const revisions = Array.from({ length: streams }, () => -1)
  const append = (count: number, perAppend: number) => Effect.provide(appendAll(revisions, count, perAppend), services)
  yield* append(events, 20)
  return append(measured, 1)
})

const measure = Effect.fnUntraced(function*(streams: number, folder: string) {
  const long = yield* filledLog(join(folder, "long.db"), streams, longLog)
  const short = yield* filledLog(join(folder, "short.db"), streams, shortLog)
  const shortRuns: Array<Run> = []
  const longRuns: Array<Run> = []
  for (let run = 0; run < runs; run++) {
    shortRuns.push(yield* short)
    longRuns.push(yield* long)
  }
  const { millis, seconds } = median(longRuns)
  const quantile = (q: number) => millis[Math.floor(q * millis.length)] ?? 0
  const figures: AppendFigures = {
    streams,
    rateShort: measured / median(shortRuns).seconds,
    rateLong: measured / seconds,
    p50Long: quantile(0.5),
    p99Long: quantile(0.99),
  }
  return figures
}, Effect.scoped)

/** Takes about a minute and 3 GB of disk. */
export const benchAppend = Effect.fnUntraced(function*() {
  const figures: Array<AppendFigures> = []
  for (const streams of [1_000, 20_000]) {
    const folder = mkdtempSync(join(tmpdir(), "event-store-bench-"))
    figures.push(
      yield* measure(streams, folder).pipe(
        Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true }))),
      ),
    )
  }
  return figures
})
