/**
 * A projection at work whose vehicles have rows without bound: the newest row of each vehicle that a batch is about and
 * the rows that its records touch, from memory or loaded in one query each, folded, and written once each.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { Given, Key, KeyedProjection } from "../../projections/keyed-projection.ts"
import type { Record } from "../../projections/projection.ts"
import type { Position } from "../eventstore/position.ts"
import { listed } from "../sql/listed.ts"
import { Lru } from "../sql/lru.ts"
import * as Checkpoints from "./checkpoints.ts"
import type { ReadModelUnavailable } from "./errors.ts"
import type { AnyFolding } from "./folding.ts"
import { type Table, vinOf } from "./table.ts"

/** Rows read before others get the event loop: some milliseconds. */
const rowsAtOnce = 500
/** Inputs folded before others get the event loop. */
const slice = 128

/** A vehicle in a batch. */
class Work<Row extends object, Input> implements Given<Row> {
  newest: Row | undefined
  /** That of the newest row before the batch. */
  keptFrom: string | number | undefined
  /** What has come to be folded. */
  readonly inputs: Array<Input> = []
  /** Those that were asked for, undefined where there is none. */
  readonly loaded = new Map<string, Row | undefined>()
  readonly changed = new Map<string, Row>()

  constructor(newest: Row | undefined) {
    this.newest = newest
  }

  at(key: Key): Row | undefined {
    const place = placeOf(key)
    // To take it for one that is not there would be to write over it.
    if (!this.loaded.has(place)) throw new Error(`The row ${key.join(", ")} was not asked for`)
    return this.loaded.get(place)
  }
}

export class KeyedFolding<Row extends object, Input> implements AnyFolding {
  readonly #sql: SqlClient.SqlClient
  readonly #table: Table<Row>
  readonly #projection: KeyedProjection<Row, Input>
  /** By VIN. */
  readonly #newest: Lru<string, Row>
  /** By VIN and key. */
  readonly #others: Lru<string, Row>
  readonly #batch = new Map<string, Work<Row, Input>>()
  readonly #inputs = new Map<Record, Input>()
  /** Those that the batch has changed. */
  #rows: ReadonlyArray<Row> = []
  #checkpoint: Checkpoints.Checkpoint

  /** Of each vehicle that is kept its newest row is, and one more. */
  constructor(
    sql: SqlClient.SqlClient,
    table: Table<Row>,
    projection: KeyedProjection<Row, Input>,
    checkpoint: Checkpoints.Checkpoint,
    cachedVehicles: number,
  ) {
    this.#sql = sql
    this.#table = table
    this.#projection = projection
    this.#checkpoint = checkpoint
    this.#newest = new Lru(cachedVehicles)
    this.#others = new Lru(cachedVehicles)
  }

  get checkpoint() {
    return this.#checkpoint
  }

  load(
    vins: Iterable<string>,
    records: ReadonlyArray<Record>,
  ): Effect.Effect<void, SqlError.SqlError | ReadModelUnavailable> {
    const missing: Array<string> = []
    for (const vin of vins) {
      const newest = this.#newest.get(vin)
      if (newest === undefined) missing.push(vin)
      this.#batch.set(vin, new Work(newest))
    }
    return Effect.gen({ self: this }, function*() {
      for (const some of inChunks(missing)) {
        const rows = yield* this.#table.all(this.#newestOf(some))
        for (const row of rows) {
          const work = this.#batch.get(vinOf(row))
          if (work !== undefined) work.newest = row
        }
        yield* Effect.yieldNow
      }
      for (const work of this.#batch.values()) work.keptFrom = this.#keptFrom(work)
      for (const some of inChunks(this.#touched(yield* this.#read(records)))) {
        const rows = yield* this.#table.all(this.#table.byKeys(Checkpoints.tableOf(this.#checkpoint), some))
        for (const row of rows) this.#batch.get(vinOf(row))?.loaded.set(placeOf(this.#keyOf(row)), row)
        yield* Effect.yieldNow
      }
    })
  }

  #keptFrom({ newest }: Work<Row, Input>) {
    return newest === undefined ? undefined : this.#projection.keptFrom(newest)
  }

  #newestOf(vins: ReadonlyArray<string>) {
    const sql = this.#sql
    const { key, newest } = this.#projection
    const table = sql(Checkpoints.tableOf(this.#checkpoint))
    const by = sql(key[newest.length] ?? "vin")
    const among = sql.and(newest.map((value, i) => sql`r.${sql(key[i] ?? "vin")} = ${value}`))
    const leading = sql.and(newest.map((value, i) => sql`t.${sql(key[i] ?? "vin")} = ${value}`))
    return sql`
      SELECT ${this.#table.selected} FROM ${listed(sql, vins)} JOIN ${table} t ON t.vin = v.value AND ${leading}
        AND t.${by} = (SELECT MAX(r.${by}) FROM ${table} r WHERE r.vin = v.value AND ${among})`
  }

  /** What there is to be folded, by VIN. */
  readonly #read = Effect.fnUntraced({ self: this }, function*(records: ReadonlyArray<Record>) {
    const byVin = new Map<string, Array<Input>>()
    for (let i = 0; i < records.length; i++) {
      const record = records[i]
      if (record === undefined || record.position <= this.#checkpoint.position) continue
      const input = this.#projection.input(record)
      if (input !== undefined) {
        this.#inputs.set(record, input)
        const inputs = byVin.get(record.vin)
        if (inputs === undefined) byVin.set(record.vin, [input])
        else inputs.push(input)
      }
      if (i % slice === slice - 1) yield* Effect.yieldNow
    }
    return byVin
  })

  /** The keys, with the VIN before them, of rows that are not in memory. */
  #touched(byVin: ReadonlyMap<string, ReadonlyArray<Input>>): ReadonlyArray<Key> {
    const missing: Array<Key> = []
    for (const [vin, inputs] of byVin) {
      const work = this.#batch.get(vin)
      if (work === undefined) continue
      for (const key of this.#projection.touches(work.newest, inputs)) {
        const place = placeOf(key)
        if (work.loaded.has(place)) continue
        const known = this.#others.get(`${vin} ${place}`)
        work.loaded.set(place, known)
        if (known === undefined) missing.push([vin, ...key])
      }
    }
    return missing
  }

  fold(record: Record): boolean {
    const input = this.#inputs.get(record)
    if (input !== undefined) this.#batch.get(record.vin)?.inputs.push(input)
    return true
  }

  #keyOf(row: Row): Key {
    return this.#projection.key.map((column) => row[column] as string | number)
  }

  #isNewest(key: Key, newest: Row | undefined): boolean {
    const leading = this.#projection.newest
    for (let i = 0; i < leading.length; i++) if (key[i] !== leading[i]) return false
    const by = this.#projection.key[leading.length]
    const [value] = key.slice(leading.length)
    return newest === undefined || (by !== undefined && value !== undefined && value >= (newest[by] as string | number))
  }

  readonly write = Effect.suspend(() => {
    const table = Checkpoints.tableOf(this.#checkpoint)
    const outgrown: Array<Key> = []
    for (const [vin, work] of this.#batch) {
      const from = this.#keptFrom(work)
      if (from !== undefined && from !== work.keptFrom) outgrown.push([vin, ...this.#projection.newest, from])
    }
    return Effect.andThen(this.#table.upsert(table, this.#rows), this.#table.removeBelow(table, outgrown))
  })

  readonly prepare = Effect.gen({ self: this }, function*() {
    const rows: Array<Row> = []
    let folded = 0
    for (const [vin, work] of this.#batch) {
      if (work.inputs.length === 0) continue
      for (const row of this.#projection.evolve(vin, work, work.inputs)) {
        const key = this.#keyOf(row)
        work.changed.set(placeOf(key), row)
        if (this.#isNewest(key, work.newest)) work.newest = row
        rows.push(row)
      }
      const slices = Math.floor(folded / slice)
      folded += work.inputs.length
      if (Math.floor(folded / slice) > slices) yield* Effect.yieldNow
    }
    this.#rows = rows
  })

  committed(upTo: Position): void {
    for (const [vin, { changed, loaded, newest }] of this.#batch) {
      if (newest !== undefined) this.#newest.set(vin, newest)
      for (const [place, row] of changed) {
        if (row !== newest) this.#others.set(`${vin} ${place}`, row)
        loaded.delete(place)
      }
      for (const [place, row] of loaded) if (row !== undefined) this.#others.set(`${vin} ${place}`, row)
    }
    this.#batch.clear()
    this.#inputs.clear()
    this.#rows = []
    if (upTo > this.#checkpoint.position) this.#checkpoint = { ...this.#checkpoint, position: upTo }
  }

  serve(): void {
    this.#checkpoint = { ...this.#checkpoint, served: true }
  }
}

const placeOf = (key: Key): string => key.join("\u0000")

const inChunks = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / rowsAtOnce) }, (_, i) => all.slice(i * rowsAtOnce, (i + 1) * rowsAtOnce))
