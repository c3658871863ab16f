import { expect, it } from "@effect/vitest"
import { type ComponentModel, observe } from "../../domain/maintenance/model.ts"
import { serviceDue } from "../../domain/maintenance/components/service-due.ts"
import { VehicleWatch } from "../../src/maintenance/vehicle-watch.ts"
import { day, now, vin } from "../support/given.ts"
import { readings, recordsOf, signal } from "../support/maintenance.ts"

const models: ReadonlyArray<ComponentModel> = [serviceDue]
const throwing = (change: Partial<ComponentModel>): ComponentModel => ({
  ...models[0] as ComponentModel,
  component: "brakes.front",
  name: "throwing",
  ...change,
})
const fail = () => {
  throw new Error("struck by the test")
}

const records = recordsOf([0, 1, 2].map((i) => readings(now + i * day, { [signal.distance]: 1_000 - i })))

it.each(["evolve", "assess", "deadline"] as const)("a model whose %s throws is passed over, and no other", (method) => {
  const all = [throwing({ [method]: fail }), ...models]
  const watch = new VehicleWatch(vin, all, "well")
  const outcomes = records.map((record) => watch.record(observe(record), all, false))
  const told = outcomes.flatMap(({ news }) => news).map((news) => news._tag === "Assess" && news.model.name)
  expect(told).toContain("service-due")
  expect(outcomes.map(({ failures }) => failures.map(({ model, revision }) => [model, revision])))
    .toEqual([0, 1, 2].map((revision) => [["throwing", revision]]))
})

it("a deadline that throws is not asked for again at once", () => {
  const later = throwing({
    assess: (_, at) => at > now ? fail() : undefined,
    deadline: (_, after) => after + day,
  })
  const watch = new VehicleWatch(vin, [later], "well")
  for (const record of records.slice(0, 1)) watch.record(observe(record), [later], false)
  expect(watch.deadline).toBe(now + day)
  const { changed, failures } = watch.pass(now + day)
  expect(changed).toBe(true)
  expect(failures).toHaveLength(1)
  expect(watch.deadline).toBeNull()
})
