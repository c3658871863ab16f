import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { layer, type PostgresOptions } from "../../src/sql/postgres-client.ts"
import * as Locks from "../../src/sql/locks.ts"
import { inPostgres } from "../contract/databases.ts"
import { freePort } from "../support/free-port.ts"
import { logLines } from "../support/log-lines.ts"
import { postgres, postgresIsThere } from "../support/postgres.ts"
import { until } from "../support/until.ts"

const open = (options: PostgresOptions) =>
  Effect.map(Layer.build(Layer.fresh(layer(options))), (context) => Context.get(context, SqlClient.SqlClient))

/** What is logged, and errors, must not show it. */
const password = "twin-secret"

const unusable = (url: string) => Effect.map(Effect.flip(Effect.scoped(open({ url }))), (error) => error.message)

const changed = (url: string, change: (url: URL) => void): string => {
  const other = new URL(url)
  change(other)
  return other.href
}

describe.skipIf(!postgresIsThere)("PostgreSQL client", () => {
  const newDatabase = inPostgres()
  const newUrl = Effect.map(newDatabase, (location) => location._tag === "Postgres" ? location.url : "")

  const newTable = Effect.gen(function*() {
    const url = yield* newUrl
    const sql = yield* open({ url })
    yield* sql`CREATE TABLE things (id SERIAL PRIMARY KEY, full_name TEXT NOT NULL UNIQUE, is_new BOOLEAN, total BIGINT)`
    return { url, sql }
  })

  const names = (sql: SqlClient.SqlClient) =>
    Effect.map(
      sql<{ fullName: string }>`SELECT full_name FROM things ORDER BY id`,
      (rows) => rows.map((row) => row.fullName),
    )

  it.live("names columns in camelCase outside and in snake_case inside, and has a BIGINT as a number", () =>
    Effect.gen(function*() {
      const { sql } = yield* newTable
      const total = Date.UTC(2026, 2, 2)
      yield* sql`INSERT INTO things ${sql.insert([
        { fullName: "a", isNew: true, total },
        { fullName: "b", isNew: null, total: -1 },
      ])}`
      expect(yield* sql`SELECT * FROM things WHERE ${sql("isNew")} = ${true}`)
        .toEqual([{ id: 1, fullName: "a", isNew: true, total }])
      expect(yield* sql`SELECT full_name, is_new, total FROM things`.values)
        .toEqual([["a", true, total], ["b", null, -1]])
      expect(yield* sql`SELECT COUNT(*) FROM things`.values).toEqual([[2]])
    }))

  it.live("fails a transaction that goes on after one of its statements has failed", () =>
    Effect.gen(function*() {
      const { sql } = yield* newTable
      const add = sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`
      const failure = yield* Effect.flip(sql.withTransaction(Effect.andThen(add, Effect.ignore(add))))
      expect(failure.message).toContain("had failed before its COMMIT")
      expect(yield* names(sql)).toEqual([])
    }))

  it.live("tells what kind of error it was", () =>
    Effect.gen(function*() {
      const { sql } = yield* newTable
      yield* sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`
      const twice = yield* Effect.flip(sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`)
      expect(twice.reason).toMatchObject({ _tag: "UniqueViolation", constraint: "things_full_name_key" })
      const missing = yield* Effect.flip(sql`INSERT INTO things (id) VALUES (9)`)
      expect(missing.reason._tag).toBe("ConstraintError")
      expect((yield* Effect.flip(sql`SELECT * FROM nothing`)).reason._tag).toBe("SqlSyntaxError")
    }))

  it.live("lets one transaction at a time make tables, where otherwise two would fail", () =>
    Effect.gen(function*() {
      const url = yield* newUrl
      const make = Effect.scoped(Effect.gen(function*() {
        const sql = yield* open({ url })
        yield* sql.withTransaction(Effect.gen(function*() {
          yield* Locks.schema(sql)
          yield* sql`CREATE TABLE IF NOT EXISTS made (id BIGINT PRIMARY KEY)`
        }))
      }))
      const exits = yield* Effect.all(Array.from({ length: 8 }, () => Effect.exit(make)), { concurrency: "unbounded" })
      expect(exits.every(Exit.isSuccess)).toBe(true)
    }))

  it.live("gives a statement up that is not answered in time, also a COMMIT, and goes on with another connection", () =>
    Effect.gen(function*() {
      const { sql: plain, url } = yield* newTable
      const sql = yield* open({ url, deadline: "300 millis" })
      yield* plain`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(10); RETURN NULL; END'`
      yield* plain`CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow()`
      const slow = sql`SELECT pg_sleep(10)`
      for (const effect of [slow, sql.withTransaction(slow), sql.withTransaction(sql`
        INSERT INTO things ${sql.insert({ fullName: "a" })}`)]) {
        const failure = yield* Effect.flip(effect)
        expect(failure.message).toContain("did not answer within 300 millis")
      }
      expect(yield* names(sql)).toEqual([])
    }), 20_000)

  it.live("gives up a connection whose server hangs, and goes on once others are answered", () =>
    Effect.gen(function*() {
      const { url } = yield* newTable
      const sql = yield* open({ url, deadline: "300 millis" })
      const failure = yield* Effect.flip(sql.withTransaction(Effect.gen(function*() {
        const [[pid] = []] = yield* sql`SELECT pg_backend_pid()`.values
        yield* Effect.acquireRelease(
          Effect.sync(() => process.kill(Number(pid), "SIGSTOP")),
          () => Effect.sync(() => process.kill(Number(pid), "SIGCONT")),
        )
        yield* sql`INSERT INTO things ${sql.insert({ fullName: "a" })}`
      })))
      expect(failure.reason._tag).toBe("ConnectionError")
      expect(yield* names(sql)).toEqual([])
    }), 30_000)

  it.live("says what is wrong where waiting cannot help, naming the setting and never the password", () =>
    Effect.gen(function*() {
      const url = yield* newUrl
      const { host } = new URL(url)
      const messages = {
        password: yield* unusable(changed(url, (other) => {
          other.password = `${password}-wrong`
        })),
        user: yield* unusable(changed(url, (other) => {
          other.username = "nobody"
        })),
        database: yield* unusable(changed(url, (other) => {
          other.pathname = "/missing"
        })),
        tls: yield* unusable(`${url}?sslmode=require`),
        mode: yield* unusable(`${url}?sslmode=perhaps`),
        setting: yield* unusable(`${url}?options=-c%20no_such_setting%3D1`),
      }
      for (const message of Object.values(messages)) {
        expect(message).toContain("DATABASE_URL")
        expect(message).toContain(host)
        expect(message).not.toContain(password)
      }
      const unread = yield* unusable(`postgres://twin:${password}/x@127.0.0.1/twin`)
      expect(unread).toMatch(/DATABASE_URL.*Invalid connection URL/)
      expect(unread).not.toContain(password)
      expect(messages.password).toContain("check user and password")
      expect(messages.user).toContain("check user and password")
      expect(messages.database).toContain(`database "missing" does not exist`)
      expect(messages.tls).toContain("does not support TLS")
      expect(messages.mode).toContain("perhaps")
      expect(messages.setting).toContain("no_such_setting")
    }))

  it.live("refuses a server that is too old", () =>
    Effect.gen(function*() {
      const url = yield* newUrl
      const sql = yield* open({ url })
      yield* sql`CREATE SCHEMA old`
      yield* sql`CREATE FUNCTION old.current_setting(text) RETURNS text LANGUAGE sql
        AS 'SELECT CASE $1 WHEN ''server_version'' THEN ''13.9'' ELSE ''130009'' END'`
      expect(yield* unusable(`${url}?options=-c%20search_path%3Dold,pg_catalog`))
        .toContain("it is of version 13.9, and 14 is the oldest")
    }))

  it.live("waits for a server that is not up yet, and says so", () =>
    Effect.gen(function*() {
      const server = yield* postgres({ fsync: false, stopped: true })
      const { layer: logged, lines } = logLines()
      const opening = yield* open({ url: server.url }).pipe(
        Effect.provide(logged),
        Effect.forkChild({ startImmediately: true }),
      )
      yield* until(() => lines.length > 1)
      yield* server.start
      const sql = yield* Fiber.join(opening)
      expect(yield* sql`SELECT 1 AS one`).toEqual([{ one: 1 }])
      for (const line of lines) {
        expect(line).toContain("Waiting for the PostgreSQL database postgres at 127.0.0.1")
        expect(line).not.toContain(password)
      }
    }), 60_000)

  it.live("can be stopped while it waits", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const exit = yield* open({ url: `postgres://twin:${password}@127.0.0.1:${port}/twin` }).pipe(
        Effect.timeout("300 millis"),
        Effect.exit,
      )
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("TimeoutError")
    }))
})
