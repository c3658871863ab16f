import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Interests, observe } from "../../../domain/maintenance/model.ts"
import { models } from "../../../domain/maintenance/models.ts"
import * as Watch from "../../../domain/maintenance/watch.ts"
import type { VehicleEvent } from "../../../domain/vehicle/events.ts"
import { recordsOf, readings } from "../../support/maintenance.ts"
import { skipped } from "../../support/say.ts"

const archive = join(import.meta.dirname, "../../../../shared/data/trips/analyzed.tar.xz")
const hasArchive = existsSync(archive)
if (!hasArchive) skipped("no recorded trips here, so models are not run over them")

/** A row a second: state of charge, speed and the weather's temperature. */
const eventsOf = (text: string): ReadonlyArray<VehicleEvent> =>
  text.trim().split(/\r?\n/u).slice(1).flatMap((line): ReadonlyArray<VehicleEvent> => {
    const [date = "", time = "", soc, speed, , , , , , temperature] = line.split(",")
    const [month = NaN, day = NaN, year = NaN] = date.split("/").map(Number)
    const [hour = NaN, minute = NaN, second = NaN] = time.split(":").map(Number)
    const at = Date.UTC(year, month - 1, day, hour, minute, second)
    // Here and there the clock was lost for a while: days such as 90/02/2032.
    if (year !== 2021 || !Number.isFinite(at)) return []
    return [readings(at, {
      "Vehicle.Speed": Number(speed),
      "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": Number(soc),
      "Vehicle.Exterior.AirTemperature": Number(temperature),
    })]
  })

describe.runIf(hasArchive)("all models over 17 recorded trips of one car", () => {
  const folder = mkdtempSync(join(tmpdir(), "trips-"))
  if (hasArchive) execFileSync("tar", ["-xJf", archive, "-C", folder])
  const trips = readdirSync(folder).map((name) => eventsOf(readFileSync(join(folder, name), "utf8")))
  rmSync(folder, { recursive: true })

  it("raise no alert", () => {
    const events = trips.flat().toSorted((a, b) => a.metadata.receivedAt < b.metadata.receivedAt ? -1 : 1)
    expect(events.length).toBeGreaterThan(40_000)
    const interests = new Interests(models)
    const watches = new Map(models.map((model) => [model, Watch.begin(model, "well")]))
    const alerts: Array<string> = []
    for (const record of recordsOf(events)) {
      const observed = observe(record)
      for (const model of interests.of(record)) {
        const before = watches.get(model)
        if (before === undefined) continue
        const { news, watch } = Watch.evolve(model, before, observed)
        watches.set(model, watch)
        if (news !== undefined && news.score <= model.raiseAt) alerts.push(`${model.component}: ${news.summary}`)
      }
    }
    expect(alerts).toEqual([])
  })
})
