/**
 * A projection at work on one table: the rows of the vehicles that a batch is about, from memory or loaded in one
 * query, folded, and written once each. See `keyed-folding.ts` for vehicles with rows without bound.
 *
 * What a fold is given never depends on where one batch ends and the next begins, so that a rebuild gives the same
 * rows as the live run did: rows are always in the order of their key, and only the `recent` ones are handed out.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { Projection, Record } from "../../projections/projection.ts"
import type { Position } from "../eventstore/position.ts"
import { listed } from "../sql/listed.ts"
import { Lru } from "../sql/lru.ts"
import * as Checkpoints from "./checkpoints.ts"
import type { ReadModelUnavailable } from "./errors.ts"
import { firstOfEach } from "./first-of-each.ts"
import { type Table, vinOf } from "./table.ts"

/** Rows read before others get the event loop: some milliseconds. */
const rowsAtOnce = 500
/** Of a projection that says not how many rows a vehicle has: they may be few and large. */
const vehiclesAtOnce = 100

export interface Change<Row> {
  readonly before: Row | undefined
  readonly after: Row
}

/** The rows of a vehicle that a fold is given, and whether they are all the vehicle has. */
interface Window<Row> {
  rows: ReadonlyArray<Row>
  all: boolean
}

interface Work<Row> extends Window<Row> {
  readonly before: ReadonlyArray<Row>
  /** Rows that left the window in this batch. They are final, but may not be written yet. */
  readonly passed: Array<Row>
}

/** A projection at work on one table; the type of its rows does not matter. */
export interface AnyFolding {
  readonly checkpoint: Checkpoints.Checkpoint
  /** Makes ready what these records need. `vins` are those that they are of. */
  readonly load: (
    vins: Iterable<string>,
    records: ReadonlyArray<Record>,
  ) => Effect.Effect<void, SqlError.SqlError | ReadModelUnavailable>
  /** False where the batch has to be committed before the next record. */
  readonly fold: (record: Record) => boolean
  /** Works out what the batch comes to. Not in the transaction, which whoever reads has to wait for. */
  readonly prepare: Effect.Effect<void>
  /** Writes what the batch has changed. To be run in the transaction that moves the checkpoint. */
  readonly write: Effect.Effect<void, SqlError.SqlError>
  readonly committed: (upTo: Position) => void
  /** The table has taken its place under the plain name. */
  readonly serve: () => void
}

export class Folding<Row extends object> implements AnyFolding {
  readonly #sql: SqlClient.SqlClient
  readonly #table: Table<Row>
  readonly #projection: Projection<Row>
  readonly #told: ((changes: ReadonlyArray<Change<Row>>) => void) | undefined
  readonly #compare: (a: Row, b: Row) => number
  readonly #cache: Lru<string, Window<Row>>
  readonly #batch = new Map<string, Work<Row>>()
  #checkpoint: Checkpoints.Checkpoint
  /** What the batch comes to. */
  #upserts: Array<Row> = []
  #deletes: Array<Row> = []
  #changes: Array<Change<Row>> = []

  /** `told` hears, after each commit, what has changed in the table while it is served. */
  constructor(
    sql: SqlClient.SqlClient,
    table: Table<Row>,
    projection: Projection<Row>,
    checkpoint: Checkpoints.Checkpoint,
    cachedVehicles: number,
    told?: (changes: ReadonlyArray<Change<Row>>) => void,
  ) {
    this.#sql = sql
    this.#table = table
    this.#projection = projection
    this.#checkpoint = checkpoint
    this.#cache = new Lru(cachedVehicles)
    this.#told = told
    this.#compare = comparing(projection)
  }

  get checkpoint() {
    return this.#checkpoint
  }

  load(vins: Iterable<string>): Effect.Effect<void, SqlError.SqlError | ReadModelUnavailable> {
    const missing: Array<string> = []
    for (const vin of vins) {
      if (this.#batch.has(vin)) continue
      const known = this.#cache.get(vin)
      if (known === undefined) missing.push(vin)
      else this.#batch.set(vin, { rows: known.rows, all: known.all, before: known.rows, passed: [] })
    }
    return missing.length === 0 ? Effect.void : this.#read(missing)
  }

  #read(vins: ReadonlyArray<string>) {
    const { recent } = this.#projection
    const atOnce = recent === undefined ? vehiclesAtOnce : Math.ceil(rowsAtOnce / recent.count)
    return Effect.gen({ self: this }, function*() {
      for (let start = 0; start < vins.length; start += atOnce) {
        const some = vins.slice(start, start + atOnce)
        this.#loaded(some, yield* this.#table.all(this.#query(some)))
        if (start + atOnce < vins.length) yield* Effect.yieldNow
      }
    })
  }

  #query(vins: ReadonlyArray<string>) {
    const sql = this.#sql
    const name = Checkpoints.tableOf(this.#checkpoint)
    const { recent } = this.#projection
    if (recent === undefined) {
      return sql`SELECT ${this.#table.selected} FROM ${listed(sql, vins)} JOIN ${sql(name)} t ON t.vin = v.value`
    }
    // One more than are wanted shows whether there are more.
    const limit = recent.count + 1
    return firstOfEach(sql, this.#table, name, vins, { by: recent.by, descending: true, limit })
  }

  #loaded(vins: ReadonlyArray<string>, rows: ReadonlyArray<Row>) {
    const found = Map.groupBy(rows, (row) => vinOf(row))
    const count = this.#projection.recent?.count ?? Infinity
    for (const vin of vins) {
      const sorted = inOrder(found.get(vin) ?? [], this.#compare)
      const window = sorted.length > count ? sorted.slice(-count) : sorted
      this.#batch.set(vin, { rows: window, all: window === sorted, before: window, passed: [] })
    }
  }

  fold(record: Record): boolean {
    const work = this.#batch.get(record.vin)
    if (work === undefined || record.position <= this.#checkpoint.position) return true
    const next = this.#projection.evolve(record.vin, work.rows, record)
    if (next === work.rows) return true
    const sorted = inOrder(next, this.#compare)
    const count = this.#projection.recent?.count ?? Infinity
    if (sorted.length > count) {
      for (const row of sorted.slice(0, -count)) work.passed.push(row)
      work.rows = sorted.slice(-count)
      work.all = false
    } else {
      work.rows = sorted
    }
    // With a row gone, one that had left the window is in it again, and it is in the database.
    return work.all || work.rows.length === count
  }

  readonly prepare = Effect.sync(() => {
    this.#upserts = []
    this.#deletes = []
    this.#changes = []
    for (const work of this.#batch.values()) this.#collect(work)
  })

  readonly write = Effect.suspend(() => {
    const table = Checkpoints.tableOf(this.#checkpoint)
    return Effect.andThen(this.#table.remove(table, this.#deletes), this.#table.upsert(table, this.#upserts))
  })

  #collect(work: Work<Row>) {
    if (work.rows === work.before) return
    const { key } = this.#projection
    const before = new Map<string, Row>()
    for (const row of work.before) before.set(keyOf(row, key), row)
    const after = new Map<string, Row>()
    for (const row of work.passed) after.set(keyOf(row, key), row)
    for (const row of work.rows) after.set(keyOf(row, key), row)
    for (const [place, row] of after) {
      const was = before.get(place)
      before.delete(place)
      if (was === row) continue
      this.#upserts.push(row)
      if (this.#told !== undefined) this.#changes.push({ before: was, after: row })
    }
    for (const row of before.values()) this.#deletes.push(row)
  }

  committed(upTo: Position): void {
    const count = this.#projection.recent?.count ?? Infinity
    for (const [vin, { rows, all }] of this.#batch) {
      if (all || rows.length === count) this.#cache.set(vin, { rows, all })
      else this.#cache.delete(vin)
    }
    this.#batch.clear()
    this.#upserts = []
    this.#deletes = []
    if (upTo > this.#checkpoint.position) this.#checkpoint = { ...this.#checkpoint, position: upTo }
    const changes = this.#changes
    this.#changes = []
    if (this.#checkpoint.served) this.#told?.(changes)
  }

  serve(): void {
    this.#checkpoint = { ...this.#checkpoint, served: true }
  }
}

const keyOf = <Row extends object>(row: Row, key: ReadonlyArray<keyof Row & string>): string => {
  if (key.length === 0) return ""
  let place = ""
  for (const column of key) place += `${row[column]}\u0000`
  return place
}

const comparing = <Row extends object>({ recent, key }: Projection<Row>): (a: Row, b: Row) => number => {
  const columns = recent === undefined ? key : [recent.by, ...key]
  return (a, b) => {
    for (const column of columns) {
      if (a[column] < b[column]) return -1
      if (a[column] > b[column]) return 1
    }
    return 0
  }
}

const inOrder = <Row>(rows: ReadonlyArray<Row>, compare: (a: Row, b: Row) => number): ReadonlyArray<Row> => {
  for (let i = 1; i < rows.length; i++) {
    const [a, b] = [rows[i - 1], rows[i]]
    if (a !== undefined && b !== undefined && compare(a, b) > 0) return rows.toSorted(compare)
  }
  return rows
}
