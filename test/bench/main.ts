/**
 * `npm run bench`: what this machine gives, each figure beside what it is to be compared with. Needs Mosquitto, Kafka
 * (`node test/support/kafka.ts`) and PostgreSQL. Takes about an hour; `npm run bench -- throughput latency` runs only
 * those. Writes `bench.json`.
 */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { benchAppend, longLog, shortLog } from "./append.ts"
import { benchBackpressure, type DrainFigures } from "./backpressure.ts"
import { benchExport } from "./export.ts"
import { benchHydration } from "./hydration.ts"
import { benchKafka } from "./kafka.ts"
import { benchLatency } from "./latency.ts"
import { median } from "./median.ts"
import { benchRoundTrip } from "./roundtrip.ts"
import { benchScoring, clockOf, processorOf } from "./scoring.ts"
import { benchReadModels, benchThroughput } from "./throughput.ts"

interface Row {
  readonly what: string
  readonly figure: string
  readonly ratio: number
  /** What the ratio is to be, and whether that is a least or a most. */
  readonly target: string
  readonly met: boolean
}

const whole = (value: number): string => Math.round(value).toLocaleString("en")
const least = (what: string, figure: string, ratio: number, target: number): Row => ({
  what,
  figure,
  ratio,
  target: `≥ ${target}`,
  met: ratio >= target,
})
const most = (what: string, figure: string, value: number, target: number): Row => ({
  what,
  figure,
  ratio: value,
  target: `≤ ${target}`,
  met: value <= target,
})

/** Nobody has said what it should be. */
const shown = (what: string, figure: string, ratio: number): Row => ({ what, figure, ratio, target: "", met: true })

const throughput = Effect.gen(function*() {
  const few = yield* benchThroughput(200, 120_000, 5)
  const many = yield* benchThroughput(20_000, 120_000, 3)
  const [ours, floor, spread] = [median(few.service), median(few.floor), median(many.service)]
  return {
    rows: [
      least("Mosquitto to read model, against the floor", `${whole(ours)}/s of ${whole(floor)}/s`, ours / floor, 0.35),
      least("20,000 vehicles against 200", `${whole(spread)}/s of ${whole(ours)}/s`, spread / ours, 0.8),
    ],
    detail: { few, many },
  }
})

const latency = Effect.gen(function*() {
  const figures = yield* benchLatency(20)
  const { max, p50, p99, passedOver, told } = figures
  const detail = `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(0)} ms; ${told} told, ${passedOver} passed over`
  return { rows: [most("Publish to subscriber at 1,000/s: p99, ms", detail, p99, 100)], detail: figures }
})

const memory = Effect.gen(function*() {
  const bytes = yield* Effect.promise(() =>
    new Promise<number>((resolve, reject) => {
      const args = ["--expose-gc", join(import.meta.dirname, "memory.ts")]
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
      let output = ""
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString()
      })
      child.on("exit", (code) => code === 0 ? resolve(Number(output)) : reject(new Error(`memory.ts ended with ${code}`)))
    })
  )
  return { rows: [most("Idle resident twin, 10 signals: KB", `${whole(bytes)} bytes`, bytes / 1024, 12)], detail: bytes }
})

const append = Effect.map(benchAppend(), (figures) => ({
  rows: figures.map(({ p99Long, rateLong, rateShort, streams }) =>
    least(
      `Append to a log of ${whole(longLog)} against ${whole(shortLog)} events, ${whole(streams)} streams`,
      `${whole(rateLong)}/s of ${whole(rateShort)}/s, p99 ${whole(p99Long)} ms`,
      rateLong / rateShort,
      0.8,
    )
  ),
  detail: figures,
}))

const hydration = Effect.map(benchHydration(), (figures) => {
  const [short, ...longer] = figures
  const worst = Math.max(...longer.map(({ p99 }) => p99 / (short?.p99 ?? 1)))
  const detail = figures.map(({ events, p50, p99 }) => `${whole(events)}: ${p50.toFixed(2)}/${p99.toFixed(2)}`).join(", ")
  return { rows: [most("Hydration behind a snapshot, p99 against 100 events", `p50/p99 ms ${detail}`, worst, 2)], detail: figures }
})

const exporting = Effect.map(benchExport(1_000_000), (figures) => ({
  rows: [
    ...Object.entries(figures.exports).map(([name, { rate, residentMb }]) =>
      least(
        `Export of 1,000,000 events, ${name}, against a bare scan that only parses`,
        `${whole(rate)}/s of ${whole(figures.floor)}/s, ${whole(residentMb)} MB at most`,
        rate / figures.floor,
        0.5,
      )
    ),
    most(
      "Publish to subscriber at 1,000/s during full exports over HTTP: p99, ms",
      `p50 ${figures.exporting.p50.toFixed(1)}, p99 ${figures.exporting.p99.toFixed(1)} ms; without ` +
        `${figures.quiet.p50.toFixed(1)}, ${figures.quiet.p99.toFixed(1)} ms; ${figures.exported} exports`,
      figures.exporting.p99,
      100,
    ),
  ],
  detail: figures,
}))

const roundtrip = Effect.map(benchRoundTrip(1_000_000), (figures) => {
  const { differAfterImport, differAfterReplay, imported, replayed } = figures
  return {
    rows: [
      most(
        "Import of 1,000,000 events: twins that differ",
        `${whole(imported.rate)}/s, ${whole(imported.residentMb)} MB at most`,
        differAfterImport,
        0,
      ),
      most(
        "Replay of them into a fresh service: twins that differ in a value or device time",
        `${whole(replayed.rate)}/s`,
        differAfterReplay,
        0,
      ),
    ],
    detail: figures,
  }
})

const kafka = Effect.gen(function*() {
  const kafkaFigures = yield* benchKafka(200, 240_000, 5)
  const readModels = yield* benchReadModels(200, 120_000, 5)
  const [ours, floor] = [median(kafkaFigures.service), median(kafkaFigures.floor)]
  const publishing = median(kafkaFigures.publishing)
  const [embedded, postgres] = [median(readModels.embedded), median(readModels.postgres)]
  return {
    rows: [
      least("Kafka to durable event, against the floor", `${whole(ours)}/s of ${whole(floor)}/s`, ours / floor, 0.3),
      least(
        "The same while every event goes out to Kafka, against not",
        `${whole(publishing)}/s of ${whole(ours)}/s`,
        publishing / ours,
        0.5,
      ),
      least(
        "Mosquitto to read model, in PostgreSQL against embedded",
        `${whole(postgres)}/s of ${whole(embedded)}/s`,
        postgres / embedded,
        0.9,
      ),
    ],
    detail: { kafka: kafkaFigures, readModels },
  }
})

const drainRows = (from: string, figures: DrainFigures) => {
  const { backlog, deadLetters, lag, missing, pending, rate, repeated, resident, seconds, used } = figures
  const course = (values: ReadonlyArray<number>) => values.map(whole).join(" → ")
  const metric = from === "Kafka" ? `lag ${course(lag)}, pending` : "pending"
  return [
    most(
      `${whole(backlog)} messages wait in ${from}, store slowed to a tenth: lost, doubled or dead`,
      `${whole(rate)}/s for ${whole(seconds)} s; ${metric} ${course(pending)}; ${whole(repeated)} known repeats`,
      Math.abs(missing) + deadLetters,
      0,
    ),
    most(
      `… resident memory in the last fifth of that time against the second, ${from}`,
      `MB resident ${course([resident.early, resident.late])}, at most ${whole(resident.most)}; ` +
        `in use after GC ${course([used.early, used.late])}, at most ${whole(used.most)}`,
      resident.late / resident.early,
      1.1,
    ),
  ]
}

const backpressure = Effect.map(benchBackpressure(500_000, 100_000), (figures) => ({
  rows: [...drainRows("Kafka", figures.kafka), ...drainRows("Mosquitto", figures.mosquitto)],
  detail: figures,
}))

const scoring = Effect.map(benchScoring(1_000_000, 120_000, 3), (figures) => {
  const { projector, rebuild, signalsAMessage } = figures
  const projectorRow = (what: string, { with: scored, without }: (typeof projector)["plain"]) =>
    most(
      `Projector's time an event with scores against without, ${what}`,
      `${processorOf(scored).toFixed(1)} of ${processorOf(without).toFixed(1)} µs of the processor`,
      processorOf(scored) / processorOf(without),
      1.2,
    )
  const [scores, nothing] = [processorOf(rebuild.scores), processorOf(rebuild.nothing)]
  return {
    rows: [
      projectorRow("ten signals a message", projector.plain),
      projectorRow(`all ${signalsAMessage} signals that models read`, projector.full),
      shown(
        "Rebuild of all scores over 1,000,000 events, against decoding them alone",
        `${whole(1e6 / clockOf(rebuild.scores))}/s; ${scores.toFixed(1)} of ${nothing.toFixed(1)} µs of the processor an event`,
        nothing / scores,
      ),
    ],
    detail: figures,
  }
})

interface Measured {
  readonly rows: ReadonlyArray<Row>
  readonly detail: unknown
}

const parts = new Map<string, Effect.Effect<Measured, unknown>>(
  Object.entries({ throughput, latency, memory, append, hydration, export: exporting, roundtrip, kafka, backpressure, scoring }),
)

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !parts.has(name))
if (unknown.length > 0) {
  console.error(`No such part: ${unknown.join(", ")}. There are ${[...parts.keys()].join(", ")}`)
  process.exit(1)
}

const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.version}`
const details: Record<string, unknown> = { machine, at: new Date().toISOString() }
const rows: Array<Row> = []
for (const [name, part] of parts) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.error(`${name} …`)
  const done = await Effect.runPromise(part)
  rows.push(...done.rows)
  details[name] = done.detail
}
writeFileSync("bench.json", `${JSON.stringify({ ...details, rows }, undefined, 2)}\n`)
console.log(`\n${machine}\n`)
console.log("| what | figure | ratio | target | |\n|---|---|---|---|---|")
for (const { figure, met, ratio, target, what } of rows) {
  console.log(`| ${what} | ${figure} | ${ratio.toFixed(2)} | ${target} | ${met ? "met" : "missed"} |`)
}
