/**
 * Brings the rows of CSV files into the log as telemetry, by a mapping. Each row becomes an observation that its
 * vehicle's actor decides on like any other, received when it was measured: history's clocks are believed.
 *
 * A row is one message for ever, by its id or else by vehicle, time and content. What the vehicle's stream holds
 * already is looked up there, since an actor remembers its newest messages alone: so an import that was interrupted is
 * run again, and the same file twice adds nothing.
 */
import { Clock, Effect, Option, Result, Schema, Stream } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import type { Telemetry } from "../../domain/vehicle/observation.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { Vehicles } from "../vehicles/vehicles.ts"
import { type Plan, plan, type ReadRow } from "./csv-columns.ts"
import { type CsvMapping, readMapping } from "./csv-mapping.ts"
import * as Rejects from "./csv-rejects.ts"
import { type CsvRow, rows, titleOf } from "./csv-rows.ts"
import { sizeOf, standardInput } from "./input-file.ts"

/** Rows wait to be told to their vehicles up to so many, or characters of them. */
const windowRows = 4_096
const windowSize = 16 * 1024 * 1024
/** Told to a vehicle in one turn: half of what a log takes in one append. */
const turnRows = 512
const turnSize = 512 * 1024
/** Vehicles told at the same time. */
const vehiclesAtOnce = 64
/**
 * A row may be so far ahead of this machine's clock, for zones and clocks that are somewhat wrong. One from years ahead
 * would be its vehicle's newest for ever.
 */
const maxAheadMs = 24 * 3_600_000

export interface Imported {
  readonly rows: number
  /** Rows that were written. */
  readonly written: number
  /** Rows that the log had. */
  readonly found: number
  /** Rows without a single reading. */
  readonly empty: number
  /** Bad rows that were passed over. */
  readonly rejected: number
  readonly vehicles: number
}

export interface CsvImportOptions {
  readonly files: ReadonlyArray<string>
  /** The mapping's file. */
  readonly mapping: string
  readonly catalogue: Catalogue
  /** `stop`: at the first bad row. `skip`: bad rows are passed over. */
  readonly onError: "stop" | "skip"
  /** A file that bad rows go to, which must not be there. */
  readonly rejects: string | undefined
  /** Hears of each bad row that is passed over. */
  readonly rejected: (problem: BadRow) => void
  /** Hears now and then how far it is, and how much of the files was read, where that is known. */
  readonly progress: (done: Imported, fraction: number | undefined) => void
}

export class BadRow extends Schema.TaggedError<BadRow>()("BadRow", {
  file: Schema.String,
  line: Schema.Int,
  /** From 1; left out where it is the row as a whole. */
  column: Schema.optionalKey(Schema.Struct({ number: Schema.Int, name: Schema.String })),
  reason: Schema.String,
}) {
  override get message() {
    const { column, file, line, reason } = this
    return `${file}, line ${line}${column === undefined ? "" : `, column ${column.number} (${column.name})`}: ${reason}`
  }
}

/** The columns of a file are not those that the mapping asks for. */
export class BadHeader extends Schema.TaggedError<BadHeader>()("BadHeader", {
  file: Schema.String,
  problems: Schema.Array(Schema.String),
}) {
  override get message() {
    return this.problems.map((problem) => `${this.file}: ${problem}`).join("\n")
  }
}

/** A row on its way to its vehicle. */
interface Waiting {
  readonly observation: Telemetry
  readonly key: string
  readonly size: number
  readonly from: CsvRow
  readonly file: string
}

export const importCsv = Effect.fnUntraced(function*(options: CsvImportOptions) {
  const { catalogue, files, mapping: mappingFile, onError } = options
  const vehicles = yield* Vehicles
  const store = yield* EventStore
  const mapping = yield* readMapping(mappingFile)
  const planned = yield* Effect.fromResult(plan(mappingFile, mapping, catalogue))
  const form = { delimiter: mapping.delimiter ?? "," }
  const sizes: Array<number | undefined> = []
  for (const file of files) sizes.push(yield* sizeOf(file))
  // What is wrong with the files' columns is found before anything is written.
  for (const file of files) if (file !== standardInput) yield* columnsOf(file, mapping, planned, form)
  const rejects = options.rejects === undefined ? undefined : yield* Rejects.open(options.rejects, form.delimiter)

  const latest = (yield* Clock.currentTimeMillis) + maxAheadMs
  const count = { rows: 0, written: 0, found: 0, empty: 0, rejected: 0, vehicles: 0 }
  /** By vehicle, the messages that its stream holds. */
  const known = new Map<Vin, Set<string>>()
  let waiting = new Map<Vin, Array<Waiting>>()
  let waitingRows = 0
  let waitingSize = 0

  const reject = (bad: BadRow, row: CsvRow): Effect.Effect<void, BadRow | Rejects.RejectsUnwritable> => {
    if (onError === "stop") return Effect.fail(bad)
    count.rejected++
    options.rejected(bad)
    return rejects === undefined ? Effect.void : rejects.add(row, bad.message)
  }

  const knownOf = Effect.fnUntraced(function*(vin: Vin, { observation: { at, source } }: Waiting) {
    const there = known.get(vin)
    if (there !== undefined) return there
    const keys = yield* keysIn(store, vin)
    known.set(vin, keys)
    count.vehicles++
    const { vehicle } = mapping
    if (vehicle === undefined) return keys
    const twin = Option.getOrUndefined(yield* vehicles.current(vin))
    // As of the row: were it of now, all that follows would count as received no earlier.
    if (twin?.registeredAt === undefined) yield* vehicles.register(vin, { description: vehicle, now: at, source })
    return keys
  })

  const tell = Effect.fnUntraced(function*(vin: Vin, all: ReadonlyArray<Waiting>) {
    const [first] = all
    if (first === undefined) return
    const keys = yield* knownOf(vin, first)
    const fresh: Array<Waiting> = []
    for (const one of all) {
      if (keys.has(one.key)) count.found++
      else {
        keys.add(one.key)
        fresh.push(one)
      }
    }
    for (const turn of turnsOf(fresh)) {
      const outcomes = yield* vehicles.observe(vin, turn.map(({ observation }) => observation))
      for (const [i, { file, from }] of turn.entries()) {
        const outcome = outcomes[i]
        if (outcome?._tag === "Accepted") count.written++
        else if (outcome?._tag === "Repeated") count.found++
        else if (outcome !== undefined) {
          yield* reject(new BadRow({ file, line: from.line, reason: outcome.message }), from)
        }
      }
    }
  })

  const flush = Effect.suspend(() => {
    const told = waiting
    waiting = new Map()
    waitingRows = 0
    waitingSize = 0
    return Effect.forEach(told, ([vin, rows]) => tell(vin, rows), { concurrency: vehiclesAtOnce, discard: true })
  })

  const take = (file: string, columns: ReadonlyArray<string>, read: ReadRow, row: CsvRow) => {
    count.rows++
    const { cells, line } = row
    const decoded = read(cells)
    if (Result.isFailure(decoded)) {
      const { column, reason } = decoded.failure
      const named = column === undefined ? {} : { column: { number: column + 1, name: columns[column] ?? "" } }
      return reject(new BadRow({ file, line, ...named, reason }), row)
    }
    const { at, id, readings, vin } = decoded.success
    if (at > latest) {
      const number = columns.indexOf(mapping.at.column)
      const reason = `${toTime(at)} is yet to come: is the mapping's format right?`
      const column = { number: number + 1, name: mapping.at.column }
      return reject(new BadRow({ file, line, column, reason }), row)
    }
    if (readings.length === 0) {
      count.empty++
      return undefined
    }
    // Why the row was rejected once is no part of it: mended there or in the file it came from, it is one message.
    const own = columns.at(-1) === Rejects.reasonColumn ? cells.slice(0, -1) : cells
    const content = own.join("\u{1f}")
    const identity = id === undefined ? Identity.byContent(vin, toTime(at), content) : Identity.byId(id)
    const source = { kind: "import" as const, topic: file, position: `line ${line}` }
    const size = content.length + readings.length * readingSize
    const one: Waiting = {
      observation: { _tag: "Telemetry", identity, at, receivedAt: at, source, reissued: false, readings },
      key: Identity.toText(identity),
      size,
      from: row,
      file,
    }
    const others = waiting.get(vin)
    if (others === undefined) waiting.set(vin, [one])
    else others.push(one)
    waitingRows++
    waitingSize += size
    return undefined
  }

  const total = sizes.includes(undefined) ? undefined : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
  let before = 0
  for (const [i, name] of files.entries()) {
    const file = titleOf(name)
    let bytes = 0
    let bound: Bound | undefined
    const done = yield* rows(name, form, (read) => (bytes = read)).pipe(
      Stream.runForEachArray(Effect.fnUntraced(function*(page) {
        for (const row of page) {
          if (bound === undefined) {
            bound = yield* bindTo(file, row, mapping, planned)
            if (rejects !== undefined) yield* rejects.begin(file, bound.header)
            if (bound.header !== undefined) continue
          }
          const wrong = take(file, bound.columns, bound.read, row)
          if (wrong !== undefined) yield* wrong
        }
        if (waitingRows < windowRows && waitingSize < windowSize) return
        yield* flush
        options.progress({ ...count }, total === undefined ? undefined : Math.min(1, (before + bytes) / total))
      })),
      Effect.result,
    )
    // What stands before a bad row is good.
    yield* flush
    options.progress({ ...count }, undefined)
    if (Result.isFailure(done)) return yield* done.failure
    if (bound === undefined) return yield* new BadHeader({ file, problems: ["it is empty"] })
    before += sizes[i] ?? 0
  }
  return { ...count } satisfies Imported
}, Effect.scoped)

/** Of a reading as JSON, beside its value: its path, mostly. */
const readingSize = 60

interface Bound {
  readonly columns: ReadonlyArray<string>
  readonly read: ReadRow
  /** Left out where the file has none. */
  readonly header: ReadonlyArray<string> | undefined
}

/** By a file's first row. */
const bindTo = (file: string, { cells }: CsvRow, mapping: CsvMapping, planned: Plan): Effect.Effect<Bound, BadHeader> => {
  const header = mapping.header === false ? undefined : cells.map((cell) => cell.trim())
  const columns = header ?? cells.map((_, i) => String(i + 1))
  return Result.match(planned.bind(columns), {
    onSuccess: (read) => Effect.succeed({ columns, read, header }),
    onFailure: (problems) => Effect.fail(new BadHeader({ file, problems: [...problems, ...oneColumn(columns)] })),
  })
}

/** The likeliest reason for all other problems. */
const oneColumn = (columns: ReadonlyArray<string>): ReadonlyArray<string> =>
  columns.length > 1
    ? []
    : [`its first row is of one column, ${JSON.stringify(columns[0]?.slice(0, 60))}: is "delimiter" right?`]

const columnsOf = Effect.fnUntraced(function*(
  name: string,
  mapping: CsvMapping,
  planned: Plan,
  form: { readonly delimiter: string },
) {
  const first = yield* Stream.runHead(rows(name, form, () => {}))
  if (Option.isNone(first)) return yield* new BadHeader({ file: titleOf(name), problems: ["it is empty"] })
  yield* bindTo(titleOf(name), first.value, mapping, planned)
})

/** The identities of all messages of telemetry on a vehicle's stream: about 100 bytes of memory each. */
const keysIn = Effect.fnUntraced(function*(store: EventStore["Service"], vin: Vin) {
  const keys = new Set<string>()
  if ((yield* store.revision(streamOf(vin))) < 0) return keys
  yield* Stream.runForEachArray(store.read(streamOf(vin)), (events) =>
    Effect.sync(() => {
      for (const { metadata } of events) if (typeof metadata["identity"] === "string") keys.add(metadata["identity"])
    }))
  return keys
})

const turnsOf = (all: ReadonlyArray<Waiting>): ReadonlyArray<ReadonlyArray<Waiting>> => {
  const turns: Array<Array<Waiting>> = []
  let turn: Array<Waiting> = []
  let size = 0
  for (const one of all) {
    if (turn.length > 0 && (turn.length >= turnRows || size + one.size > turnSize)) {
      turns.push(turn)
      turn = []
      size = 0
    }
    turn.push(one)
    size += one.size
  }
  if (turn.length > 0) turns.push(turn)
  return turns
}
