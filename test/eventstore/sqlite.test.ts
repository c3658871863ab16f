import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Metric, Scope, Stream } from "effect"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { EventStore, type EventToAppend, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import { layer, layerReadOnly } from "../../src/eventstore/sqlite.ts"
import { eventStoreContract } from "../contract/event-store.ts"
import { skipped } from "../support/say.ts"

const newFile = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "event-store-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true })),
).pipe(Effect.map((path) => join(path, "log.db")))

const newEvents = (count: number, text = ""): ReadonlyArray<EventToAppend> =>
  Array.from({ length: count }, (_, n) => ({ id: randomUUID(), type: "Tested", data: { n, text }, metadata: {} }))

/** Runs on a store of its own over the file, opened and closed for it. */
const withStore = <A, E>(file: string, use: (store: EventStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(EventStore, use), layer({ file }))

/** Starts a process that appends until it is killed, and gathers what it tells. */
const startAppender = (file: string, appenders: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [join(import.meta.dirname, "appender.ts"), file, String(appenders)], {
        stdio: ["ignore", "pipe", "inherit"],
      })
      const told = { text: "" }
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        told.text += chunk
      })
      return { child, lines: () => told.text.split("\n").slice(0, -1) }
    }),
    ({ child }) => kill(child),
  )

const kill = (child: ChildProcess) =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill("SIGKILL")
    await once(child, "close")
  })

const until = (condition: () => boolean) =>
  Effect.suspend(() => condition() ? Effect.void : Effect.fail("not yet")).pipe(
    Effect.eventually,
    Effect.timeout("20 seconds"),
  )

eventStoreContract("the SQLite event store", Layer.unwrap(Effect.map(newFile, (file) => layer({ file }))))

describe("the SQLite event store's file", () => {
  it.live("holds every append that was acknowledged, and none by half, after the process was killed", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      for (const acknowledged of [200, 2_000]) {
        const { child, lines } = yield* startAppender(file, 40)
        yield* until(() => lines().length >= acknowledged)
        yield* kill(child)
        const last = new Map<string, number>()
        for (const line of lines()) {
          const [, stream = "", revision] = /^ok (\S+) (\d+)$/.exec(line) ?? []
          last.set(stream, Number(revision))
        }
        yield* withStore(file, (store) =>
          Effect.gen(function*() {
            for (const [stream, revision] of last) {
              const events = yield* Stream.runCollect(store.read(stream))
              expect(events.length).toBeGreaterThan(revision)
              // Three events an append.
              expect(events.length % 3).toBe(0)
              expect(events.map((event) => event.revision)).toEqual(events.map((_, n) => n))
            }
            const log = yield* Stream.runCollect(store.readAll({ after: beginning }))
            expect(log.at(-1)?.position).toBe(yield* store.head)
          }))
      }
    }))

  it.live("recognises a retry at the same revision after a restart, and then no other", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const events = newEvents(600)
      const first = yield* withStore(file, (store) => store.append("s", "no_stream", events))
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          expect(yield* store.append("s", "no_stream", events)).toEqual(first)
          expect(yield* store.append("s", 99, events.slice(100, 103))).toMatchObject({ revision: 102 })
          // The cache of recent ids is empty.
          expect(yield* store.append("s", "any", events.slice(0, 1))).toMatchObject({ revision: 600 })
        }))
    }))

  it.live("never gives a position twice, even where the newest events were deleted", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const deleted = yield* withStore(file, (store) =>
        Effect.gen(function*() {
          yield* store.append("stays", "no_stream", newEvents(2))
          const events = newEvents(3_000)
          const { position } = yield* store.append("gone", "no_stream", events)
          yield* store.deleteStream("gone")
          // Not even a retry finds what is deleted, though it is not all removed yet.
          const error = yield* Effect.flip(store.append("gone", 5, events.slice(6, 8)))
          expect(error).toMatchObject({ _tag: "WrongExpectedRevision", actual: 2_999 })
          return position
        }))
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          expect(yield* store.head).toBe(deleted)
          const { position } = yield* store.append("gone", "no_stream", newEvents(1))
          expect(position > deleted).toBe(true)
          // What was deleted is removed bit by bit, also after a restart.
          yield* Stream.runCollect(store.readAll({ after: beginning })).pipe(
            Effect.flatMap((log) => log.length === 3 ? Effect.void : Effect.fail(log.length)),
            Effect.eventually,
            Effect.timeout("10 seconds"),
          )
        }))
    }))

  it.live("keeps a stream truncated, whatever ended in between, and frees the room", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          yield* store.append("stays", "no_stream", newEvents(3))
          yield* store.append("long", "no_stream", newEvents(3_000))
          yield* store.truncate("long", 1_000)
          yield* store.truncate("long", 2_900)
        }))
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          const revisions = Array.from({ length: 100 }, (_, n) => 2_900 + n)
          expect((yield* Stream.runCollect(store.read("long"))).map(({ revision }) => revision)).toEqual(revisions)
          yield* store.append("long", 2_999, newEvents(1))
          // What is out of reach is removed bit by bit, and nothing else.
          yield* Stream.runCollect(store.readAll({ after: beginning })).pipe(
            Effect.flatMap((log) => log.length === 104 ? Effect.void : Effect.fail(log.length)),
            Effect.eventually,
            Effect.timeout("10 seconds"),
          )
          expect((yield* Stream.runCollect(store.readBackwards("long"))).map(({ revision }) => revision)).toEqual(
            [3_000, ...revisions.toReversed()],
          )
        }))
    }))

  it.live("admits one process that appends, says which file is in use, and is free once that was killed", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const first = yield* startAppender(file, 1)
      yield* until(() => first.lines().length > 0)
      const error = yield* Effect.flip(withStore(file, (store) => store.head))
      expect(error).toMatchObject({ _tag: "EventStoreUnavailable", operation: "open" })
      expect(error.message).toContain(`${file} is in use`)
      yield* kill(first.child)
      yield* withStore(file, (store) => store.append("mine", "no_stream", newEvents(1)))
    }))

  it.live("refuses a second appender in the same process", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      yield* withStore(file, () =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(withStore(file, (store) => store.head))
          expect(error.message).toContain("is in use")
        }))
    }))

  it.live("is read by others while it is written, live, and after its writer was killed", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const { child, lines } = yield* startAppender(file, 5)
      yield* until(() => lines().length > 0)
      yield* Effect.gen(function*() {
        const store = yield* EventStore
        const seen: Array<RecordedEvent> = []
        yield* store.subscribeAll({ after: beginning }).pipe(
          Stream.takeUntil((delivery) => {
            if (delivery._tag === "Events") seen.push(...delivery.events)
            return seen.length > 3_000
          }),
          Stream.runDrain,
        )
        const log = yield* Stream.runCollect(store.readAll({ after: beginning, limit: seen.length }))
        expect(seen).toEqual(log)
        yield* kill(child)
        expect(yield* store.revision("stream-0")).toBeGreaterThan(0)
        const error = yield* Effect.flip(store.append("mine", "any", newEvents(1)))
        expect(error).toMatchObject({ _tag: "EventStoreUnavailable", operation: "append" })
      }).pipe(Effect.provide(layerReadOnly({ file })))
    }))

  it.live("is not touched if it is something else", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      writeFileSync(file, "something else, and quite long enough to be looked at as a database's header\n".repeat(50))
      const text = yield* Effect.flip(withStore(file, (store) => store.head))
      expect(text).toMatchObject({ _tag: "EventStoreUnavailable", operation: "open" })

      const other = `${file}.other`
      const db = new DatabaseSync(other)
      db.exec("CREATE TABLE theirs (x)")
      db.close()
      const error = yield* Effect.flip(withStore(other, (store) => store.head))
      expect(error.message).toContain("is not an event log")
      const missing = yield* Effect.flip(
        Effect.provide(Effect.flatMap(EventStore, (store) => store.head), layerReadOnly({ file: `${file}.missing` })),
      )
      expect(missing).toMatchObject({ _tag: "EventStoreUnavailable" })
    }))

  it.live("that others hold locked is waited for, and then written", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          yield* store.append("s", "no_stream", newEvents(1))
          const other = new DatabaseSync(file)
          other.exec("BEGIN IMMEDIATE")
          const appends = yield* Effect.forEach([1, 2, 3], (n) => store.append(`s${n}`, "no_stream", newEvents(1)), {
            concurrency: "unbounded",
          }).pipe(Effect.forkChild({ startImmediately: true }))
          yield* Effect.sleep("300 millis")
          expect(appends.pollUnsafe()).toBeUndefined()
          other.close()
          expect(yield* Fiber.join(appends)).toHaveLength(3)
        }))
    }))

  const prlimit = spawnSync("prlimit", ["--version"]).status === 0
  if (!prlimit) skipped("no prlimit here, so what a full disk does to the event store is not tested")
  it.live.runIf(prlimit)("takes appends again after there was no room for them, and has lost none", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const { child, lines } = yield* startAppender(file, 20)
      yield* until(() => lines().length > 0)
      const limit = (bytes: string) => execFileSync("prlimit", [`--pid=${child.pid}`, `--fsize=${bytes}:`])
      limit("200000")
      yield* until(() => lines().some((line) => line === "failed EventStoreUnavailable"))
      limit("unlimited")
      const failed = lines().length
      yield* until(() => lines().slice(failed).filter((line) => line.startsWith("ok")).length >= 100)
      expect(lines().filter((line) => line.startsWith("failed") && !line.endsWith("EventStoreUnavailable"))).toEqual([])
      yield* kill(child)
      const last = new Map(lines().filter((line) => line.startsWith("ok")).map((line) => {
        const [, stream = "", revision] = line.split(" ")
        return [stream, Number(revision)]
      }))
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          for (const [stream, revision] of last) {
            const events = yield* Stream.runCollect(store.read(stream))
            expect(events.length).toBeGreaterThan(revision)
            expect(events.map((event) => event.revision)).toEqual(events.map((_, n) => n))
          }
        }))
    }))

  it.live("that was damaged says where", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const { position } = yield* withStore(file, (store) => store.append("s", "no_stream", newEvents(3)))
      const db = new DatabaseSync(file)
      db.exec("UPDATE events SET data = '{' WHERE revision = 2")
      db.close()
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          const read = yield* Effect.flip(Stream.runDrain(store.read("s")))
          expect(read).toMatchObject({ _tag: "EventUnreadable", position })
          const all = yield* Effect.flip(Stream.runDrain(store.readAll({ after: beginning })))
          expect(all).toMatchObject({ _tag: "EventUnreadable", position })
          expect(yield* Stream.runCollect(store.read("s", { limit: 2 }))).toHaveLength(2)
        }))
    }))
})

describe("the SQLite event store", () => {
  it.live("finishes what it has accepted when it closes", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const appends = yield* withStore(file, (store) =>
        Effect.forEach(Array.from({ length: 3_000 }), (_, n) =>
          Effect.forkDetach(store.append(`s${n}`, "no_stream", newEvents(1)), { startImmediately: true })))
      for (const append of appends) yield* Fiber.join(append)
      yield* withStore(file, (store) =>
        Effect.map(Stream.runCollect(store.readAll({ after: beginning })), (log) => expect(log).toHaveLength(3_000)))
    }))

  it.live("fails only the append that SQLite itself refuses", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          const withoutId = newEvents(1).map((event) => ({ ...event, id: JSON.parse("null") }))
          const tags = yield* Effect.forEach([newEvents(1), withoutId, newEvents(1)], (events, n) =>
            store.append(`s${n}`, "no_stream", events).pipe(
              Effect.as("appended"),
              Effect.catch((error) => Effect.succeed(error._tag)),
              Effect.catchDefect(() => Effect.succeed("a defect")),
            ), { concurrency: "unbounded" })
          expect(tags).toEqual(["appended", "a defect", "appended"])
          expect(yield* Stream.runCollect(store.readAll({ after: beginning }))).toHaveLength(2)
          const cyclic: Record<string, unknown> = {}
          cyclic["self"] = cyclic
          const exits = yield* Effect.all([
            Effect.exit(store.append("c", "no_stream", newEvents(1).map((event) => ({ ...event, data: cyclic })))),
            Effect.exit(store.append("d", "no_stream", newEvents(1))),
          ], { concurrency: "unbounded" })
          expect(exits.map(({ _tag }) => _tag)).toEqual(["Failure", "Success"])
          expect(yield* store.revision("c")).toBe(-1)
        }))
    }))

  it.live("serves a subscriber that lags behind its memory from the file, without gap or repeat", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          const text = "x".repeat(10_000)
          const seen: Array<number> = []
          const tags: Array<string> = []
          yield* store.subscribeAll({ after: beginning }).pipe(
            Stream.tap((delivery) =>
              // More bytes than memory holds, at once, while the subscriber stands still.
              delivery._tag === "CaughtUp" && seen.length < 10_000
                ? Effect.forEach(Array.from({ length: 50 }), () => store.append("s", "any", newEvents(100, text)), {
                  concurrency: "unbounded",
                })
                : Effect.void
            ),
            Stream.takeUntil((delivery) => {
              tags.push(delivery._tag)
              if (delivery._tag === "Events") seen.push(...delivery.events.map(({ revision }) => revision))
              return delivery._tag === "CaughtUp" && seen.length >= 10_000
            }),
            Stream.runDrain,
          )
          expect(seen).toEqual(Array.from({ length: 10_000 }, (_, n) => n))
          expect(tags.filter((tag) => tag === "CaughtUp")).toHaveLength(3)
        }))
    }))

  it.live("leaves its file alone once it is closed, by whoever an append was just answered to as well", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      const scope = yield* Scope.make()
      const store = Context.get(yield* Layer.buildWithScope(layer({ file }), scope), EventStore)
      yield* store.append("s", "any", newEvents(1))
      yield* Scope.close(scope, Exit.void)
      rmSync(file)
      yield* Effect.sleep("20 millis")
      expect(existsSync(file)).toBe(false)
    }))

  it.live("shares a transaction among appends that come together", () =>
    Effect.gen(function*() {
      const file = yield* newFile
      yield* withStore(file, (store) =>
        Effect.gen(function*() {
          yield* Effect.forEach(Array.from({ length: 500 }), (_, n) => store.append(`s${n}`, "any", newEvents(2)), {
            concurrency: "unbounded",
          })
          const metrics = yield* Metric.snapshot
          const groups = metrics.find(({ id }) => id === "vehicle_twin_eventstore_append_seconds")
          const events = metrics.find(({ id }) => id === "vehicle_twin_eventstore_appended_events_total")
          expect(events?.state).toMatchObject({ count: 1_000 })
          expect(groups?.state).toMatchObject({ count: 1 })
        }))
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})
