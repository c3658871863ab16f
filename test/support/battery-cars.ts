/**
 * The telemetry of two real cars with a faulty cell in ../shared/data/battery-faults, a row an event; their times, which
 * name no zone, as UTC. Where nothing but one frame a minute counts, only the first row of each minute is made an event.
 */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import { minuteOf } from "../../domain/maintenance/model.ts"
import { readings } from "./maintenance.ts"
import { batterySignal } from "./packs.ts"

const folder = join(import.meta.dirname, "../../../shared/data/battery-faults")

export const carsAreThere = existsSync(folder)

export interface CarRow {
  readonly at: number
  readonly volts: ReadonlyArray<number>
  /** A, positive charges. */
  readonly amperes: number
  readonly soc: number
  /** km/h. */
  readonly speed: number
  /** GB/T 32960: 1 parked and charging, 2 driving and charging, 3 not charging, 4 charged. */
  readonly chargeStatus: number | undefined
  /** The management's own warning, 0 to 3. */
  readonly warning: number | undefined
}

export const carRows = (car: 1 | 2): ReadonlyArray<CarRow> => {
  const csv = execFileSync("xz", ["-dc", join(folder, `car${car}_processed.csv.xz`)], {
    encoding: "utf8",
    maxBuffer: 200_000_000,
  })
  const [header = "", ...lines] = csv.split("\n")
  const names = header.trim().split(",")
  const cells = names.flatMap((name, i) => (/^V_\d+$/u.test(name) ? [i] : []))
  const column = (name: string) => names.indexOf(name)
  const [time, current, soc, speed, status, warning] = [
    "tboxTime",
    "BMSBatteryCurrent",
    "vehBMSPackSOC",
    "vehSpeed",
    "BMSChargeStatus",
    "BMSWarningInformation",
  ].map(column)
  const rows: Array<CarRow> = []
  for (const line of lines) {
    const fields = line.trim().split(",")
    const number = (i = -1): number | undefined => {
      const text = fields[i] ?? ""
      return text === "" ? undefined : Number(text)
    }
    const at = Date.parse(`${fields[time ?? -1] ?? ""}Z`.replace(" ", "T"))
    if (Number.isNaN(at)) continue
    rows.push({
      at,
      volts: cells.map((i) => number(i) ?? 0),
      amperes: -(number(current) ?? 0) + 0,
      soc: number(soc) ?? 0,
      speed: number(speed) ?? 0,
      chargeStatus: number(status),
      warning: number(warning),
    })
  }
  return rows
}

export const firstOfMinutes = (rows: ReadonlyArray<CarRow>): ReadonlyArray<CarRow> => {
  let last = -1
  return rows.filter(({ at }) => {
    const isFirst = minuteOf(at) > last
    if (isFirst) last = minuteOf(at)
    return isFirst
  })
}

export const carEvent = ({ amperes, at, chargeStatus, soc, speed, volts }: CarRow): VehicleEvent =>
  readings(at, {
    [batterySignal.cells]: volts,
    [batterySignal.current]: amperes,
    [batterySignal.soc]: soc,
    [batterySignal.speed]: speed,
    ...(chargeStatus !== undefined && { [batterySignal.charging]: chargeStatus === 1 || chargeStatus === 2 }),
  })
