import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { layer } from "../../src/sql/sqlite-client.ts"

const newFile = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sqlite-client-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
).pipe(Effect.map((folder) => join(folder, "test.db")))

const open = (file: string) =>
  Effect.map(
    Layer.build(Layer.fresh(layer({ file, synchronous: "NORMAL" }))),
    (context) => Context.get(context, SqlClient.SqlClient),
  )

const newTable = Effect.gen(function*() {
  const file = yield* newFile
  const sql = yield* open(file)
  yield* sql`CREATE TABLE things (id INTEGER PRIMARY KEY, full_name TEXT NOT NULL UNIQUE, is_new INTEGER)`
  return { file, sql }
})

const names = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ fullName: string }>`SELECT full_name FROM things ORDER BY id`,
    (rows) => rows.map((row) => row.fullName),
  )

describe("SQLite client", () => {
  it.live("names columns in camelCase outside and in snake_case inside", () =>
    Effect.gen(function*() {
      const { sql } = yield* newTable
      yield* sql`INSERT INTO things ${sql.insert([{ fullName: "a", isNew: true }, { fullName: "b", isNew: null }])}`
      const found = yield* sql`SELECT * FROM things WHERE ${sql("isNew")} = ${true}`
      expect(found).toEqual([{ id: 1, fullName: "a", isNew: 1 }])
      expect(yield* sql`SELECT full_name, is_new FROM things`.values).toEqual([["a", 1], ["b", null]])
    }))

  it.live("answers a query from the last commit while a transaction is open", () =>
    Effect.gen(function*() {
      const { sql } = yield* newTable
      const written = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const transaction = yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`
        expect(yield* names(sql)).toEqual(["a"])
        yield* Deferred.succeed(written, undefined)
        yield* Deferred.await(release)
      })).pipe(Effect.forkChild)
      yield* Deferred.await(written)
      expect(yield* names(sql)).toEqual([])
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(transaction)
      expect(yield* names(sql)).toEqual(["a"])
    }))

  it.live("lets transactions and single writes take turns", () =>
    Effect.gen(function*() {
      const { sql } = yield* newTable
      yield* sql`CREATE TABLE total (n INTEGER)`
      yield* sql`INSERT INTO total VALUES (0)`
      const addOne = sql.withTransaction(Effect.gen(function*() {
        const [row] = yield* sql<{ n: number }>`SELECT n FROM total`
        yield* Effect.sleep("1 millis")
        yield* sql`UPDATE total SET n = ${(row?.n ?? 0) + 1}`
      }))
      const writes = Array.from({ length: 40 }, (_, i) => i % 2 === 0 ? addOne : sql`UPDATE total SET n = n + 1`)
      yield* Effect.all(writes, { concurrency: "unbounded", discard: true })
      expect(yield* sql`SELECT n FROM total`).toEqual([{ n: 40 }])
    }))

  it.live("waits for another process's transaction without holding up the event loop", () =>
    Effect.gen(function*() {
      const { file, sql } = yield* newTable
      const other = new DatabaseSync(file)
      other.exec("BEGIN IMMEDIATE")
      const waiting = yield* sql.withTransaction(sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`).pipe(
        Effect.exit,
        Effect.forkChild({ startImmediately: true }),
      )
      yield* Effect.sleep("150 millis")
      expect(yield* names(sql)).toEqual([])
      other.exec("COMMIT")
      other.close()
      expect(Exit.isSuccess(yield* Fiber.join(waiting))).toBe(true)
      expect(yield* names(sql)).toEqual(["a"])
    }))

  it.live("tells what kind of error it was", () =>
    Effect.gen(function*() {
      const { sql } = yield* newTable
      yield* sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`
      const twice = yield* Effect.flip(sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`)
      expect(twice.reason).toMatchObject({ _tag: "UniqueViolation", constraint: "things.full_name" })
      const missing = yield* Effect.flip(sql`INSERT INTO things (id) VALUES (9)`)
      expect(missing.reason._tag).toBe("ConstraintError")
      expect((yield* Effect.flip(sql`SELECT * FROM nothing`)).message).toContain("nothing")
      expect((yield* Effect.flip(sql`SELECT ${Symbol("x")} AS x`))._tag).toBe("SqlError")
      const folder = yield* Effect.flip(open("/nowhere/at/all.db"))
      expect(folder.reason._tag).toBe("ConnectionError")
    }))
})
