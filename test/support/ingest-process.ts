/**
 * A service of its own, to be killed: an MQTT client whose vehicles take a moment each to commit. Writes `ready` and
 * then each sequence number as it becomes durable, a line each, to a file.
 */
import { appendFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { catalogue } from "../../domain/signals/catalogue.ts"
import * as Ingest from "../../src/ingest/ingest.ts"
import { Mqtt } from "../../src/ingest/mqtt.ts"
import { accepted, RecordingDeadLetters, RecordingVehicles, seqsOf } from "./recording-vehicles.ts"
import { until } from "./until.ts"

const [url = "", file = ""] = process.argv.slice(2)
const write = (lines: ReadonlyArray<string | number>) => appendFileSync(file, lines.map((line) => `${line}\n`).join(""))

const vehicles = new RecordingVehicles((call) =>
  Effect.sleep(Math.random() * 20).pipe(
    Effect.andThen(Effect.sync(() => write(seqsOf([call])))),
    Effect.as(accepted(call.observations)),
  )
)

const program = Effect.gen(function*() {
  const { ready } = yield* Mqtt
  let isReady = false
  yield* until(() => {
    isReady = Effect.runSync(ready)
    return isReady
  })
  write(["ready"])
  yield* Effect.never
})

await Effect.runPromise(program.pipe(Effect.provide(
  Ingest.layer({ catalogue, mqtt: { _tag: "MqttClient", url, clientId: "twin", topicPrefix: "" } }).pipe(
    Layer.provide([vehicles.layer, new RecordingDeadLetters().layer]),
  ),
)))
