/**
 * What a resident, idle twin with ten signals costs: heap and buffers after garbage collection, with 20,000 of them
 * less with none. Run with `--expose-gc`, in a process of its own; prints bytes a twin.
 */
import { Effect, Layer, Result } from "effect"
import { decodeTelemetry } from "../../domain/codecs/json.ts"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { parse, type Vin } from "../../domain/vehicle/vin.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import * as LocalVehicles from "../../src/vehicles/local-vehicles.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { message, vinOf } from "./load.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const twins = 20_000
const messages = 3

const used = async () => {
  // Twice, with a turn between: what finalizers let go is gone after the second.
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 200))
  globalThis.gc?.()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const observe = Effect.fnUntraced(function*(vin: Vin, seq: number) {
  const now = Date.now()
  const payload = Buffer.from(message(seq, now))
  const { observations } = decodeTelemetry({ vin, payload, receivedAt: now, source: { kind: "mqtt" } }, catalogue)
  yield* (yield* Vehicles).observe(vin, observations)
})

const program = Effect.gen(function*() {
  const vins = Array.from({ length: twins }, (_, n) => Result.getOrThrow(parse(vinOf(n))))
  const other = Result.getOrThrow(parse(vinOf(twins)))
  for (let seq = 0; seq < 500; seq++) yield* observe(other, seq)
  const before = yield* Effect.promise(used)
  for (let seq = 0; seq < messages; seq++) {
    yield* Effect.forEach(vins, (vin) => observe(vin, seq), { concurrency: 500, discard: true })
  }
  const after = yield* Effect.promise(used)
  console.log(Math.round((after - before) / twins))
})

const layer = Layer.unwrap(Effect.map(temporaryFolder, (folder) =>
  LocalVehicles.layer({ admission: "open" }).pipe(Layer.provide(Sqlite.layer({ file: `${folder}/log.db` })))))

await Effect.runPromise(program.pipe(Effect.provide(layer), Effect.scoped))
