/**
 * All projections are folded anew beside a service at work: by the command, which is killed in the middle and run
 * again, and while the service is killed in the middle. Vehicles publish meanwhile, an app queries and listens. At the
 * end the read model is held against the vehicles' ledger, and every table against one that was folded once, at rest.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import { allProjected } from "../../src/readmodel/projections.ts"
import * as Rebuild from "../../src/readmodel/rebuild.ts"
import * as Tables from "../../src/readmodel/tables.ts"
import * as SqliteClient from "../../src/sql/sqlite-client.ts"
import { ask } from "../api/client.ts"
import { fleetView, LiveView } from "../support/fleet-view.ts"
import { freePort } from "../support/free-port.ts"
import { account, expectedSignals } from "../support/ledger.ts"
import { type Message, publishing } from "../support/publisher.ts"
import { say } from "../support/say.ts"
import { serviceProcess } from "../support/service-process.ts"
import { storedStreams } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const root = join(import.meta.dirname, "../..")
/** What the log holds from before, so that there is a middle to be killed in. */
const earlier = { vehicles: 40, messages: 1_000 }

const vinOf = (i: number): string => `LSVAA4187E${String(i).padStart(7, "0")}`
/** By connection. */
const vins = Array.from({ length: 2 }, (_, connection) => Array.from({ length: 10 }, (_, i) => vinOf(connection * 10 + i)))

const signalsOf = (n: number): Message["signals"] => ({
  "Vehicle.Speed": n % 240,
  "Vehicle.TraveledDistance": n * 1000,
  ...(n % 5 === 0 && { "Vehicle.CurrentLocation.Latitude": 30 + n % 1000 / 100 }),
})

const messagesFrom = (began: number) => (_: string, n: number): Message => ({
  session: "boot",
  seq: n,
  at: new Date(began + n * 20).toISOString(),
  signals: signalsOf(n),
})

const fillLog = Effect.fnUntraced(function*(began: number) {
  const store = yield* EventStore
  for (let n = 0; n < earlier.messages; n += 10) {
    yield* Effect.forEach(Array.from({ length: earlier.vehicles }, (_, i) => vinOf(1_000 + i)), (vin) =>
      store.append(`vehicle-${vin}`, "any", Array.from({ length: 10 }, (_, i) => {
        const at = new Date(began - 3_600_000 + (n + i) * 500).toISOString()
        return {
          id: crypto.randomUUID(),
          type: "TelemetryReceived",
          data: { at, session: "boot", seq: n + i, readings: signalsOf(n + i) },
          metadata: { schema: 1, receivedAt: at, source: { kind: "mqtt" } },
        }
      })), { concurrency: "unbounded", discard: true })
  }
})

/** `vehicle-twin rebuild`, in a process of its own. */
const rebuilding = (folder: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => new Command(folder, args)),
    (command) => Effect.promise(() => command.end("SIGKILL")),
  )

class Command {
  /** What it has said. */
  said = ""
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(folder: string, args: ReadonlyArray<string>) {
    this.#child = spawn(process.execPath, [join(root, "src/cli/main.ts"), "rebuild", ...args], {
      cwd: root,
      env: { PATH: process.env["PATH"], DATA_DIR: folder },
      stdio: ["ignore", "ignore", "pipe"],
    })
    this.#exited = once(this.#child, "exit")
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.said += chunk.toString()
    })
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal)
    if (this.isRunning) await this.#exited
  }

  async code(): Promise<number | null> {
    if (this.isRunning) await this.#exited
    return this.#child.exitCode
  }
}

const database = (folder: string) =>
  Layer.fresh(SqliteClient.layer({ file: `${folder}/readmodel.db`, synchronous: "NORMAL" }))

interface Fleet {
  readonly vehicles: { readonly totalCount: number; readonly edges: ReadonlyArray<{ readonly node: Seen }> }
}
interface Seen {
  readonly vin: string
  readonly revision: number
}

/** An app that asks again and again; what it is told may never be less than what it was told before. */
class Poller {
  answers = 0
  readonly wrong: Array<string> = []
  readonly #url: string
  readonly #revisions = new Map<string, number>()
  #count = 0

  constructor(url: string) {
    this.#url = url
  }

  /** Of all vehicles together. */
  get revisions(): number {
    return this.#revisions.values().reduce((sum, revision) => sum + revision, 0)
  }

  async look(): Promise<void> {
    const fleet = await ask<Fleet>(this.#url, "{ vehicles(first: 200) { totalCount edges { node { vin revision } } } }")
      // The service is killed at times.
      .catch(() => undefined)
    if (fleet === undefined) return
    this.answers += 1
    const { edges, totalCount } = fleet.vehicles
    if (totalCount < this.#count) this.wrong.push(`${totalCount} vehicles after ${this.#count}`)
    this.#count = totalCount
    for (const { node: { revision, vin } } of edges) {
      const before = this.#revisions.get(vin) ?? -1
      if (revision < before) this.wrong.push(`${vin} at ${revision} after ${before}`)
      this.#revisions.set(vin, revision)
    }
  }
}

const names = allProjected().map(({ name }) => name)

/** All rows of all tables, in one order. */
const dump = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const tables: Record<string, ReadonlyArray<string>> = {}
  for (const name of names) {
    const rows = yield* sql`SELECT * FROM ${sql(name)}`.values
    tables[name] = rows.map((row) => JSON.stringify(row)).toSorted()
  }
  return tables
})

describe("rebuild", () => {
  it.live("is never seen by who queries or listens, and survives being killed, as the service does", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const began = Date.now()
      yield* fillLog(began).pipe(Effect.provide(Layer.fresh(Sqlite.layer({ file: `${folder}/log.db` }))))
      const mqtt = yield* Effect.promise(freePort)
      const service = yield* serviceProcess({ DATA_DIR: folder, LOG_LEVEL: "info", MQTT_PORT: String(mqtt) })
      yield* service.start
      const live = yield* Effect.acquireRelease(
        Effect.sync(() => new LiveView(service.url)),
        (view) => Effect.sync(() => view.close()),
      )
      const publishers = yield* Effect.forEach(vins, (ofConnection) =>
        publishing({
          url: `mqtt://127.0.0.1:${mqtt}`,
          vins: ofConnection,
          message: messagesFrom(began),
          window: 64,
          perSecond: 100,
        }))
      const follow = Effect.forkScoped(Effect.promise(() => live.follow()))
      yield* follow
      const poller = new Poller(service.url)
      yield* Effect.promise(() => poller.look()).pipe(
        Effect.andThen(Effect.sleep("25 millis")),
        Effect.forever,
        Effect.forkScoped,
      )
      const sql = Context.get(yield* Layer.build(database(folder)), SqlClient.SqlClient)
      const checkpoints = Checkpoints.list(sql)
      const generations = Effect.map(checkpoints, (all) =>
        all.filter(({ served }) => served).map(({ generation }) => generation))
      /** Until a build has come some way. */
      const inTheMiddle = (command: Command) =>
        checkpoints.pipe(
          Effect.map((all) => all.some(({ position, served }) => !served && position > beginning)),
          Effect.delay("5 millis"),
          Effect.repeat({ until: (begun) => begun || !command.isRunning }),
          Effect.andThen(Effect.sync(() => assert.isTrue(command.isRunning, command.said))),
        )

      // What the log holds from before is in the read model, so that a rebuild has something to follow.
      yield* Effect.sleep("50 millis").pipe(
        Effect.repeat({ until: () => poller.revisions >= earlier.vehicles * (earlier.messages - 1) }),
      )
      const first = yield* generations
      for (let kill = 0; kill < 2; kill++) {
        const command = yield* rebuilding(folder, "--all")
        yield* inTheMiddle(command)
        yield* Effect.sleep("200 millis")
        yield* Effect.promise(() => command.end("SIGKILL"))
      }
      assert.deepStrictEqual(yield* generations, first, "no table was swapped by a command that was killed")
      const again = yield* rebuilding(folder, "--all")
      assert.strictEqual(yield* Effect.promise(() => again.code()), 0, again.said)
      const second = yield* generations
      assert.isTrue(second.every((generation, i) => generation > (first[i] ?? 0)), again.said)

      const beside = yield* rebuilding(folder, "--all")
      yield* inTheMiddle(beside)
      yield* service.kill
      assert.strictEqual(yield* Effect.promise(() => beside.code()), 0, beside.said)
      yield* service.start
      yield* follow
      const third = yield* generations
      assert.isTrue(third.every((generation, i) => generation > (second[i] ?? 0)), beside.said)

      const one = yield* rebuilding(folder, "vehicles", "--restart")
      assert.strictEqual(yield* Effect.promise(() => one.code()), 0, one.said)
      assert.match(one.said, /vehicles: 60 rows/)
      assert.isTrue((yield* checkpoints).every(({ served }) => served), "nothing is left over")
      assert.isTrue(publishers.every(({ isPublishing }) => isPublishing), "the load went on")

      yield* Effect.forEach(publishers, (publisher) => Effect.promise(() => publisher.finish()), {
        concurrency: "unbounded",
      }).pipe(Effect.timeout("60 seconds"))
      const ledger = publishers.flatMap(({ ledger }) => ledger)
      const messages = Map.groupBy(ledger, ({ vin }) => vin)
      const expected = vins.flat().map((vin) => {
        const sent = (messages.get(vin) ?? []).map(({ message }) => message)
        return { vin, revision: sent.length - 1, signals: expectedSignals(sent), events: { totalCount: sent.length } }
      })
      const latest = expected.flatMap(({ signals, vin }) =>
        signals.map(({ path, value }) => [`${vin} ${path}`, value] as const))
      const missed = () => latest.filter(([name, value]) => live.values.get(name) !== value)
      for (let tries = 0; missed().length > 0 && tries < 100; tries++) yield* Effect.sleep("50 millis")
      const views = (yield* fleetView(service.url)).filter(({ vin }) => messages.has(vin))
      const stored = yield* storedStreams(folder, "vehicle-")
      const published = new Map([...stored].filter(([stream]) => messages.has(stream.slice("vehicle-".length))))
      say(`Rebuilt beside a service: ${ledger.length} messages meanwhile, ${poller.answers} answers of which `
        + `${poller.wrong.length} went back, ${missed().length} of ${latest.length} values not told`)
      assert.deepStrictEqual(account(ledger, published), { lost: 0, repeated: 0, outOfOrder: 0, strange: 0 })
      assert.deepStrictEqual(views, expected)
      assert.deepStrictEqual(missed(), [])
      assert.isAbove(poller.answers, 50)
      assert.deepStrictEqual(poller.wrong, [])
      assert.notInclude(service.log(), "goes back to its checkpoint")

      assert.strictEqual(yield* service.stop, 0)
      const tables = yield* dump.pipe(Effect.provideService(SqlClient.SqlClient, sql))
      const elsewhere = yield* temporaryFolder
      const atRest = yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* Tables.prepare(sql, allProjected())
        yield* Rebuild.run({ sql, store: yield* EventStore, projections: allProjected() })
        return yield* dump
      }).pipe(Effect.provide([database(elsewhere), Layer.fresh(Sqlite.layerReadOnly({ file: `${folder}/log.db` }))]))
      for (const name of names) assert.deepStrictEqual(tables[name], atRest[name], name)
    }), 300_000)
})
