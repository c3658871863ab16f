/**
 * Messages a second from a real Mosquitto to the read model, against the floor (`floor.ts`), over the same backlog:
 * both drain what the broker has kept for them while they were away, and the first third warms them up.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { Effect } from "effect"
import { connectAsync } from "mqtt"
import { mosquitto } from "../support/mosquitto.ts"
import { floorClient } from "./floor.ts"
import { fill, publisher } from "./load.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { reached, service } from "./service.ts"

const folded = "vehicle_twin_projection_events_total"

export interface ThroughputFigures {
  readonly vehicles: number
  /** Messages a second, of each run. */
  readonly service: ReadonlyArray<number>
  readonly floor: ReadonlyArray<number>
}

const runFloor = Effect.fnUntraced(function*(url: string, vehicles: number, count: number) {
  const folder = yield* temporaryFolder
  const waiting = yield* Effect.promise(() => connectAsync(url, floorClient))
  yield* Effect.promise(() => waiting.subscribeAsync("floor/vehicles/+/telemetry", { qos: 1 }))
  yield* Effect.promise(() => waiting.endAsync())
  const client = yield* Effect.promise(() => publisher(url))
  yield* Effect.promise(() => fill(client, "floor", vehicles, count))
  yield* Effect.promise(() => client.endAsync())
  const skipped = Math.floor(count / 3)
  const seconds = yield* Effect.promise(() =>
    new Promise<number>((resolve, reject) => {
      const args = [join(import.meta.dirname, "floor.ts"), url, "floor", `${folder}/floor.db`, `${skipped}`, `${count}`]
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
      let output = ""
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString()
      })
      child.on("exit", (code) => code === 0 ? resolve(Number(output)) : reject(new Error(`the floor ended with ${code}`)))
    })
  )
  return (count - skipped) / seconds
}, Effect.scoped)

const runService = Effect.fnUntraced(function*(url: string, vehicles: number, count: number) {
  const running = yield* service({ MQTT_URL: url, MQTT_TOPIC_PREFIX: "twin" })
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
