import { expect, it } from "@effect/vitest"
import { type ComponentModel, observe } from "../../domain/maintenance/model.ts"
import { serviceDue } from "../../domain/maintenance/components/service-due.ts"
import { VehicleWatch } from "../../src/maintenance/vehicle-watch.ts"
import { day, now, vin } from "../support/given.ts"
import { readings, recordsOf } from "../support/maintenance.ts"

const hour = day / 24

/** Its score is the newest reading of its signal. */
const scoreOf = (component: string, path: string, deadlineMs?: number): ComponentModel => ({
  ...serviceDue,
  component,
  name: component,
  signals: [path],
  initial: { score: 100 },
  evolve: (state, { record: { event } }) => {
    const score = event.type === "TelemetryReceived" ? event.data.readings[path] : undefined
    return score === undefined || score === state.score ? state : { score }
  },
  assess: ({ score }) => ({
    score: Number(score),
    confidence: 1,
    evidence: [],
    urgency: "service_soon",
    recommendedAction: "",
    summary: "",
  }),
  deadline: (_, after) => deadlineMs === undefined ? undefined : after + deadlineMs,
})

const rare = scoreOf("tyres", "Rare")

it("confirms by silence what was said once, however busy the other models are", () => {
  const busy = scoreOf("motor", "Busy")
  const models = [rare, busy]
  const watch = new VehicleWatch(vin, models, "well")
  const hourly = Array.from({ length: 40 }, (_, i) => readings(now + i * hour, { Busy: 50 + i % 2 }))
  const raisedAt: Array<number> = []
  for (const record of recordsOf([readings(now, { Rare: 5 }), ...hourly])) {
    const observed = observe(record)
    if (watch.deadline !== null && watch.deadline <= observed.receivedAt) {
      for (const news of watch.pass(watch.deadline).news) raisedAt.push(news.cause.at)
    }
    watch.record(observed, models.filter(({ signals }) => signals.some((path) =>
      record.event.type === "TelemetryReceived" && record.event.data.readings[path] !== undefined)), false)
  }
  expect(raisedAt).toEqual([now + day])
})

it("confirms nothing of a model by another one's deadline", () => {
  const dated = scoreOf("vehicle", "Date", hour)
  const watch = new VehicleWatch(vin, [dated, rare], "well")
  for (const record of recordsOf([readings(now, { Date: 60, Rare: 5 })])) {
    watch.record(observe(record), [dated, rare], false)
  }
  expect(watch.deadline).toBe(now + hour)
  expect(watch.pass(now + hour).news).toEqual([])
  expect(watch.pass(now + day).news).toMatchObject([{ model: { component: "tyres" } }])
})

it("passes a deadline that a record of another model came after", () => {
  const falling: ComponentModel = {
    ...scoreOf("vehicle", "Date", hour),
    assess: ({ score }, at) => ({
      score: at >= now + hour ? 5 : Number(score),
      confidence: 1,
      evidence: [],
      urgency: "service_soon",
      recommendedAction: "",
      summary: "",
    }),
  }
  const watch = new VehicleWatch(vin, [falling, rare], "well")
  const [first, second] = recordsOf([readings(now, { Date: 60 }), readings(now + hour + 1, { Rare: 90 })])
  if (first !== undefined) watch.record(observe(first), [falling], false)
  if (second !== undefined) watch.record(observe(second), [rare], false)
  expect(watch.deadline).toBe(now + hour)
  expect(watch.pass(now + hour + 2).news).toMatchObject([{ model: { component: "vehicle" } }])
})
