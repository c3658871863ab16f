/** The demo's line: how the fleet and its twins fare now. */
import { Effect, Metric } from "effect"
import { ReadModel } from "../readmodel/read-model.ts"

const counted = Metric.snapshot.pipe(
  Effect.map((metrics) => {
    const sums = new Map<string, number>()
    for (const { id, state } of metrics) {
      if ("count" in state && typeof state.count === "number") sums.set(id, (sums.get(id) ?? 0) + state.count)
    }
    return (name: string) => sums.get(name) ?? 0
  }),
)

const make = Effect.gen(function*() {
  const readModel = yield* ReadModel
  let before = 0
  let at = performance.now()
  const show = Effect.gen(function*() {
    const sum = yield* counted
    const now = performance.now()
    const messages = sum("vehicle_twin_ingest_messages_total")
    const rate = Math.round((messages - before) / ((now - at) / 1000))
    before = messages
    at = now
    const line = [
      `${yield* readModel.countVehicles({ online: true })} of ${yield* readModel.countVehicles({})} online`,
      `${rate} messages/s, ${messages} in all`,
      `${sum("vehicle_twin_eventstore_appended_events_total")} events`,
      `${yield* readModel.countAlerts({ states: ["open"] })} alerts open`,
      `${sum("vehicle_twin_ingest_dead_letters_total")} dead letters`,
      `${sum("vehicle_twin_vehicles_clock_faults_total")} clock faults`,
    ].join(" · ")
    process.stdout.write(process.stdout.isTTY ? `\r\u001b[2K${line}` : `${line}\n`)
  })
  return { show }
})

export const Overview = { make }
