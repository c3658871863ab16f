import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as fc from "fast-check"
import { StreamDeleted } from "../../src/eventstore/errors.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as EventStoreDb from "../../src/eventstore/eventstoredb.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { type Imported, importEvents } from "../../src/replay/import.ts"
import { altered, temporary, unavailable } from "../support/event-store.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { vinOf } from "../support/messages.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { alertRaised, fleetEvents, toLine, writeEvents, writeLines } from "./event-lines.ts"

const importing = (...files: ReadonlyArray<string>) => importEvents({ files, progress: () => {} })

const wholeLog = EventStore.use(({ readAll }) => Stream.runCollect(readAll({ after: beginning })))

/** What an import keeps: all but the place in the log and the time of writing. */
const kept = (events: ReadonlyArray<RecordedEvent>) =>
  events.map(({ created: _, position: __, ...event }) => event)

const events = [...fleetEvents(10_000), alertRaised(vinOf(1), 100_000)]

const withLog = Effect.provide(Layer.fresh(temporary))

describe("an import into an empty log", () => {
  it.live.each(["ndjson", "ndjson.gz", "parquet"])("brings a .%s file back verbatim and in its order", (extension) =>
    Effect.gen(function*() {
      const file = writeEvents(join(yield* temporaryFolder, `export.${extension}`), events)
      const told: Array<number | undefined> = []
      const done = yield* importEvents({ files: [file], progress: (_, fraction) => told.push(fraction) })
      assert.deepStrictEqual(done, { written: events.length, found: 0, streams: 6 })
      assert.deepStrictEqual(kept(yield* wholeLog), kept(events))
      assert.strictEqual(told.at(-1), 1)
      assert.isAbove(told.length, 2)
      assert.isTrue(told.every((fraction = -1, i) => fraction >= (told[i - 1] ?? 0)))
    }).pipe(withLog))

  it.live("merges files by position: what was archived late stood between what was not", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const archived = (event: RecordedEvent) => event.stream === events[0]?.stream && event.revision < 900
      const early = events.filter((event) => archived(event) && event.revision < 400)
      const late = events.filter((event) => archived(event) && event.revision >= 400)
      const files = [
        writeEvents(join(folder, "export.ndjson.gz"), events.filter((event) => !archived(event))),
        writeEvents(join(folder, "events-2.parquet"), late),
        writeEvents(join(folder, "events-1.parquet"), early),
        writeEvents(join(folder, "empty.ndjson"), []),
      ]
      yield* importing(...files)
      assert.deepStrictEqual(kept(yield* wholeLog), kept(events))
    }).pipe(withLog))

  it.live("takes large events, as many as fit in an append", () =>
    Effect.gen(function*() {
      const large = fleetEvents(30, { vehicles: 1 }).map((event) => ({
        ...event,
        data: { ...event.data, readings: { "Vehicle.Speed": 1, "Vehicle.Twin.Text": "字".repeat(60_000) } },
      }))
      yield* importing(writeEvents(join(yield* temporaryFolder, "large.ndjson"), large))
      assert.deepStrictEqual(kept(yield* wholeLog), kept(large))
    }).pipe(withLog))
})

describe("an import that was interrupted", () => {
  it.live("goes on where it was, wherever that was", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const file = writeEvents(join(folder, "export.ndjson"), events)
      for (const [index, count] of [1, 3_999, 4_097, 10_001].entries()) {
        const begun = writeEvents(join(folder, `begun-${index}.ndjson`), events.slice(0, count))
        const done = yield* Effect.gen(function*() {
          yield* importing(begun)
          const done = yield* importing(file)
          assert.deepStrictEqual(kept(yield* wholeLog), kept(events))
          return done
        }).pipe(withLog)
        assert.deepStrictEqual(done, { written: events.length - count, found: count, streams: 6 })
      }
    }))

  it.live("goes on in a log that took the last appends in another order", () =>
    Effect.gen(function*() {
      const file = writeEvents(join(yield* temporaryFolder, "export.ndjson"), events)
      // Of the first window every vehicle but one had all of its events.
      const first = events.slice(0, 4_000)
      const there = first.filter(({ stream }) => stream !== `vehicle-${vinOf(2)}`)
        .toSorted((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.revision - b.revision))
      const { append } = yield* EventStore
      for (const { stream, revision, id, type, data, metadata } of there) {
        yield* append(stream, revision === 0 ? "no_stream" : revision - 1, [{ id, type, data, metadata }])
      }
      const done = yield* importing(file)
      assert.deepStrictEqual(done, { written: events.length - there.length, found: there.length, streams: 6 })
      const byStream = Map.groupBy(yield* wholeLog, ({ stream }) => stream)
      for (const [stream, expected] of Map.groupBy(events, ({ stream }) => stream)) {
        assert.deepStrictEqual(kept(byStream.get(stream) ?? []), kept(expected))
      }
    }).pipe(withLog))

  it.live("by a store that fails is told, and the next try brings all", () => {
    let appends = 0
    const failing = altered((store) => ({
      append: (...args) =>
        appends++ < 1_000 ? store.append(...args) : Effect.fail(unavailable("append")),
    }))
    return Effect.gen(function*() {
      const file = writeEvents(join(yield* temporaryFolder, "export.ndjson"), events)
      const failure = yield* Effect.flip(importing(file))
      assert.strictEqual(failure._tag, "EventStoreUnavailable")
      appends = Number.NEGATIVE_INFINITY
      const { found, written } = yield* importing(file)
      assert.isAbove(found, 0)
      assert.strictEqual(written + found, events.length)
      assert.deepStrictEqual(kept(yield* wholeLog), kept(events))
    }).pipe(Effect.provide(Layer.fresh(failing)))
  })

  it.live("loses nothing where appends overtake one another or their answers are lost", () => {
    let appends = 0
    const flaky = altered((store) => ({
      append: (...args) => {
        switch (appends++ % 7) {
          case 2:
            return Effect.fail(unavailable("append"))
          case 5:
            return Effect.andThen(store.append(...args), Effect.fail(unavailable("append")))
          default:
            return store.append(...args)
        }
      },
    }))
    return Effect.gen(function*() {
      const few = fleetEvents(60, { vehicles: 3 })
      const file = writeEvents(join(yield* temporaryFolder, "export.ndjson"), few)
      // What is tried again alone may fail again; then the whole import is tried again.
      yield* Effect.retry(importing(file), { times: 100 })
      const byStream = Map.groupBy(yield* wholeLog, ({ stream }) => stream)
      for (const [stream, expected] of Map.groupBy(few, ({ stream }) => stream)) {
        assert.deepStrictEqual(kept(byStream.get(stream) ?? []), kept(expected))
      }
    }).pipe(Effect.provide(Layer.fresh(flaky)))
  })
})

describe("an import into EventStoreDB", () => {
  const everyStream = Effect.gen(function*() {
    const { read } = yield* EventStore
    const streams = new Set(events.map(({ stream }) => stream))
    const all = yield* Effect.forEach(streams, (stream) => Stream.runCollect(read(stream)))
    return all.flat()
  })
  const byStream = [...Map.groupBy(events, ({ stream }) => stream).values()].flat()

  it.live("brings all back, however appends fail on the way, and goes on after its end", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      const folder = yield* temporaryFolder
      const file = writeEvents(join(folder, "export.ndjson"), events)
      const begun = writeEvents(join(folder, "begun.ndjson"), events.slice(0, 6_000))
      yield* Effect.gen(function*() {
        yield* importing(begun)
        for (const _tag of ["LoseAnswer", "Conflict", "DropDuringAppend", "Timeout", "DropBeforeAppend"] as const) {
          yield* server.inject({ _tag })
        }
        const { found, written } = yield* importing(file)
        assert.deepStrictEqual({ found, written }, { found: 6_000, written: events.length - 6_000 })
        assert.deepStrictEqual(kept(yield* everyStream), kept(byStream))
      }).pipe(Effect.provide(Layer.fresh(EventStoreDb.layer({ url: server.url }))))
    }), 120_000)
})

describe("a log that is not empty", () => {
  const file = Effect.map(temporaryFolder, (folder) => writeEvents(join(folder, "export.ndjson"), events))
  const foreign = { id: "00000000-0000-4000-8000-000000000000", type: "DeadLettered", data: {}, metadata: {} }

  it.live.each([`vehicle-${vinOf(0)}`, "vehicle-LSVAA4187E9999999", "deadletter-mqtt"])(
    "is refused for what stands on %s, and stays as it is",
    (stream) =>
      Effect.gen(function*() {
        const { append } = yield* EventStore
        yield* append(stream, "no_stream", [foreign])
        const failure = yield* Effect.flip(importing(yield* file))
        assert.strictEqual(failure._tag, "LogNotEmpty")
        assert.include(failure.message, stream)
        assert.strictEqual((yield* wholeLog).length, 1)
      }).pipe(withLog),
  )

  it.live("is refused where it has more than the import", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      yield* importing(writeEvents(join(folder, "more.ndjson"), events))
      const failure = yield* Effect.flip(importing(writeEvents(join(folder, "less.ndjson"), events.slice(0, 9_000))))
      assert.strictEqual(failure._tag, "LogNotEmpty")
    }).pipe(withLog))

  it.live("is refused where an event has the same id and says something else", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [first, ...rest] = events
      if (first === undefined) return assert.fail()
      yield* importing(writeEvents(join(folder, "a.ndjson"), [first]))
      const other = { ...first, metadata: { ...first.metadata, receivedAt: "2020-01-01T00:00:00.000Z" } }
      const failure = yield* Effect.flip(importing(writeEvents(join(folder, "b.ndjson"), [other, ...rest])))
      assert.strictEqual(failure._tag, "LogNotEmpty")
    }).pipe(withLog))

  it.live("is told of where streams of it were deleted before, and their revisions go on", () =>
    Effect.gen(function*() {
      const { append, deleteStream } = yield* EventStore
      yield* append(`vehicle-${vinOf(0)}`, "no_stream", [foreign])
      yield* deleteStream(`vehicle-${vinOf(0)}`)
      const failure = yield* Effect.flip(importing(yield* file))
      assert.strictEqual(failure._tag, "LogInUse")
    }).pipe(withLog))

  it.live("is not of use where one of the streams has a tombstone", () =>
    Effect.gen(function*() {
      const { deleteStream } = yield* EventStore
      yield* deleteStream(`vehicle-${vinOf(0)}`, { tombstone: true })
      assert.instanceOf(yield* Effect.flip(importing(yield* file)), StreamDeleted)
    }).pipe(withLog))
})

describe("a line that cannot be taken", () => {
  const few = fleetEvents(20, { vehicles: 2 })
  const lines = few.map(toLine)
  type Line = (typeof lines)[number]
  const tenth = (change: (line: Line) => object) =>
    lines.map((line, i) => (i === 9 ? { ...line, ...change(line) } : line))

  it.live.each<[what: string, change: (line: Line) => object, reason: string]>([
    ["no position", () => ({ position: undefined }), "position"],
    ["a position that is none", () => ({ position: "7" }), "sixteen hexadecimal digits"],
    ["a position before the last", () => ({ position: "0000000000000001" }), "order of its positions"],
    ["a stream of no vehicle", () => ({ stream: "snapshot-LSVAA4187E0000001" }), "vehicle-<VIN>"],
    ["a VIN that is none", () => ({ stream: "vehicle-1" }), "not a VIN"],
    ["a revision below 0", () => ({ revision: -1 }), "revision"],
    ["an id that is no UUID", () => ({ id: "7" }), "UUID"],
    ["no type", () => ({ type: "" }), "type"],
    ["data that is no object", () => ({ data: [] }), "data"],
    ["data that lacks something", () => ({ data: { at: "2026-11-22T08:15:30.250Z" } }), "readings"],
    ["a time that is none", ({ data }) => ({ data: { ...data, at: "yesterday" } }), "at"],
    ["metadata that lack something", () => ({ metadata: { schema: 1 } }), "receivedAt"],
    ["a schema of a later service", ({ metadata }) => ({ metadata: { ...metadata, schema: 99 } }), "schema version 99"],
    ["an alert on a vehicle's stream", () => ({ type: "AlertRaised" }), "maintenance stream"],
    ["a gap before it", ({ revision }) => ({ revision: revision + 3 }), "events between them are missing"],
    ["the revision of another", ({ revision }) => ({ revision: revision - 1 }), "comes twice"],
  ])("for %s is named, and nothing after it is written", ([, change, reason]) =>
    Effect.gen(function*() {
      const file = writeLines(join(yield* temporaryFolder, "export.ndjson"), tenth(change) as Array<Line>)
      const told: Array<Imported> = []
      const failure = yield* Effect.flip(importEvents({ files: [file], progress: (done) => told.push(done) }))
      assert.strictEqual(failure._tag, "BadLine")
      assert.include(failure.message, "export.ndjson, line 10: ")
      assert.include(failure.message, reason)
      assert.deepStrictEqual(kept(yield* wholeLog), kept(few.slice(0, 9)))
      assert.strictEqual(told.at(-1)?.written, 9)
    }).pipe(withLog))

  it.live.each<[what: string, bytes: string | Buffer, line: number, reason: string]>([
    ["cut short", JSON.stringify(lines[0]).slice(0, 100), 21, "cut short"],
    ["not JSON", "position,stream\n", 21, "not JSON"],
    ["not UTF-8", Buffer.from([0x0a, 0x22, 0xff, 0xfe, 0x22, 0x0a]), 22, "not UTF-8"],
    ["endless", Buffer.alloc(9 * 1024 * 1024, "x"), 21, "longer than"],
  ])("since it is %s is named, and nothing after it is written", ([, bytes, line, reason]) =>
    Effect.gen(function*() {
      const file = writeLines(join(yield* temporaryFolder, "export.ndjson"), lines)
      appendFileSync(file, bytes)
      const failure = yield* Effect.flip(importing(file))
      assert.include(failure.message, `export.ndjson, line ${line}: `)
      assert.include(failure.message, reason)
      assert.isAtMost((yield* wholeLog).length, 20)
    }).pipe(withLog))

  it.live("at the beginning of a stream says that the archive is missing", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const rest = few.filter(({ revision }) => revision >= 3)
      const failure = yield* Effect.flip(importing(writeEvents(join(folder, "export.parquet"), rest)))
      assert.include(failure.message, "export.parquet, row 1: ")
      assert.include(failure.message, "Import the archive's files together with it")
      assert.deepStrictEqual(yield* wholeLog, [])
    }).pipe(withLog))

  it.live("in one of several files ends the import of all", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const a = writeEvents(join(folder, "a.ndjson"), few.slice(0, 5))
      const b = writeEvents(join(folder, "b.ndjson"), few.slice(10))
      writeFileSync(a, "{", { flag: "a" })
      const failure = yield* Effect.flip(importing(b, a))
      assert.include(failure.message, "a.ndjson, line 6: ")
      assert.strictEqual((yield* wholeLog).length, 5)
    }).pipe(withLog))
})

describe("a file that cannot be read", () => {
  it.live("is named", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const whole = writeEvents(join(folder, "whole.ndjson.gz"), events)
      const cut = join(folder, "cut.ndjson.gz")
      writeFileSync(cut, readFileSync(whole).subarray(0, 50_000))
      writeFileSync(join(folder, "not.parquet"), "PAR1 it is not")
      for (const file of [cut, join(folder, "not.parquet"), join(folder, "missing.ndjson"), folder]) {
        const failure = yield* Effect.flip(importing(file)).pipe(withLog)
        assert.include(failure.message, file)
      }
    }))
})

describe("whatever the events and however they are split into files", () => {
  it("the log has them all, in their order", () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 300 }).chain((count) =>
          fc.tuple(
            fc.integer({ min: 1, max: 1_000_000 }),
            fc.array(fc.nat({ max: 2 }), { minLength: count, maxLength: count }),
          )
        ),
        ([seed, owners]) =>
          Effect.runPromise(Effect.gen(function*() {
            const folder = yield* temporaryFolder
            const all = fleetEvents(owners.length, { seed })
            const files = ["ndjson", "ndjson.gz", "parquet"].map((extension, file) =>
              writeEvents(join(folder, `part.${extension}`), all.filter((_, i) => owners[i] === file))
            )
            const store = Sqlite.layer({ file: join(folder, "log.db") })
            yield* Effect.gen(function*() {
              yield* importing(...files)
              assert.deepStrictEqual(kept(yield* wholeLog), kept(all))
            }).pipe(Effect.provide(Layer.fresh(store)))
          }).pipe(Effect.scoped)),
      ),
      { numRuns: 20 },
    ))
})
