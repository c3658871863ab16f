/**
 * Messages a second from a real Mosquitto to the read model, against the floor (`floor.ts`), over the same backlog:
 * both drain what the broker has kept for them while they were away, and the first third warms them up.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { Effect } from "effect"
import { connectAsync } from "mqtt"
import { mosquitto } from "../support/mosquitto.ts"
import { postgres } from "../support/postgres.ts"
import { floorClient } from "./floor.ts"
import { fill, publisher } from "./load.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { reached, service } from "./service.ts"

/** Events that the read model has. */
export const folded = "vehicle_twin_projection_events_total"

export interface ThroughputFigures {
  readonly vehicles: number
  /** Messages a second, of each run. */
  readonly service: ReadonlyArray<number>
  readonly floor: ReadonlyArray<number>
}

/** What a floor says that it took. */
export const floorSeconds = (script: string, args: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.promise(() =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
        stdio: ["ignore", "pipe", "inherit"],
      })
      let output = ""
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString()
      })
      child.on("exit", (code) => {
        if (code === 0) resolve(Number(output))
        else reject(new Error(`the floor ended with ${code}`))
      })
    })
  )

const runFloor = Effect.fnUntraced(function*(url: string, vehicles: number, count: number) {
  const folder = yield* temporaryFolder
  const waiting = yield* Effect.promise(() => connectAsync(url, floorClient))
  yield* Effect.promise(() => waiting.subscribeAsync("floor/vehicles/+/telemetry", { qos: 1 }))
  yield* Effect.promise(() => waiting.endAsync())
  const client = yield* Effect.promise(() => publisher(url))
  yield* Effect.promise(() => fill(client, "floor", vehicles, count))
  yield* Effect.promise(() => client.endAsync())
  const skipped = Math.floor(count / 3)
  const seconds = yield* floorSeconds("floor.ts", [url, "floor", `${folder}/floor.db`, `${skipped}`, `${count}`])
  return (count - skipped) / seconds
}, Effect.scoped)

/** `env` holds the service's settings besides the broker. */
export const runService = Effect.fnUntraced(function*(
  url: string,
  vehicles: number,
  count: number,
  env: Readonly<Record<string, string>> = {},
) {
  const running = yield* service({ MQTT_URL: url, MQTT_TOPIC_PREFIX: "twin", ...env })
  yield* running.start
  yield* running.stop
  const client = yield* Effect.promise(() => publisher(url))
  yield* Effect.promise(() => fill(client, "twin", vehicles, count))
  yield* Effect.promise(() => client.endAsync())
  const skipped = Math.floor(count / 3)
  yield* Effect.forkScoped(running.start)
  const first = yield* reached(running.url, folded, skipped)
  const last = yield* reached(running.url, folded, count)
  yield* running.stop
  return (last.value - first.value) / ((last.at - first.at) / 1000)
}, Effect.scoped)

export const benchThroughput = Effect.fnUntraced(function*(vehicles: number, count: number, runs: number) {
  const broker = yield* mosquitto()
  const figures = { vehicles, service: new Array<number>(), floor: new Array<number>() }
  for (let run = 0; run < runs; run++) {
    figures.floor.push(yield* runFloor(broker.url, vehicles, count))
    figures.service.push(yield* runService(broker.url, vehicles, count))
  }
  return figures satisfies ThroughputFigures
}, Effect.scoped)

export interface ReadModelFigures {
  readonly vehicles: number
  /** Messages a second, of each run. */
  readonly embedded: ReadonlyArray<number>
  readonly postgres: ReadonlyArray<number>
}

/** The same to a read model in PostgreSQL, which waits for its disk, and to the embedded one, in turns. */
export const benchReadModels = Effect.fnUntraced(function*(vehicles: number, count: number, runs: number) {
  const broker = yield* mosquitto()
  const server = yield* postgres()
  const figures = { vehicles, embedded: new Array<number>(), postgres: new Array<number>() }
  for (let run = 0; run < runs; run++) {
    figures.embedded.push(yield* runService(broker.url, vehicles, count))
    figures.postgres.push(yield* runService(broker.url, vehicles, count, { DATABASE_URL: yield* server.newDatabase }))
  }
  return figures satisfies ReadModelFigures
}, Effect.scoped)
