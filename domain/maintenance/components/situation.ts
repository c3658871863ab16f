/**
 * What who helps wants to know of a vehicle: how fast it was, what it runs on, who was in it, and where it is. As it was
 * when it happened: of the message that told of it, and else as the twin had it then.
 */
import { isPersonal } from "../../signals/personal.ts"
import type { SignalValue } from "../../signals/signal.ts"
import type { Twin } from "../../vehicle/twin.ts"
import { toTime } from "../../vehicle/readings.ts"
import type { Evidence } from "../alerts/alert-events.ts"
import type { Observed } from "../model.ts"
import { reportedOf } from "./reported.ts"

export interface Situation {
  /** Good readings, by path. */
  readonly readings: Readonly<Record<string, SignalValue>>
  /** Of these, those that say where it is and who drives. */
  readonly personal: Readonly<Record<string, SignalValue>>
  /** In words. Of a place or a person there are none: those stand in `personal` alone, where they can be erased. */
  readonly evidence: ReadonlyArray<Evidence>
}

const speedPath = "Vehicle.Speed"
const socPath = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
const fuelPath = "Vehicle.Powertrain.FuelSystem.RelativeLevel"
const latitudePath = "Vehicle.CurrentLocation.Latitude"
const longitudePath = "Vehicle.CurrentLocation.Longitude"
const timestampPath = "Vehicle.CurrentLocation.Timestamp"

const seats = ["Row1", "Row2"].flatMap((row) =>
  ["DriverSide", "Middle", "PassengerSide"].map((side) => `Vehicle.Cabin.Seat.${row}.${side}`)
)
const doors = ["Row1", "Row2"].flatMap((row) =>
  ["DriverSide", "PassengerSide"].map((side) => `Vehicle.Cabin.Door.${row}.${side}`)
)

export const airbagPaths: ReadonlyArray<string> = seats.map((seat) => `${seat}.Airbag.IsDeployed`)

const paths: ReadonlyArray<string> = [
  speedPath,
  "Vehicle.IsMoving",
  "Vehicle.Powertrain.Type",
  "Vehicle.LowVoltageSystemState",
  socPath,
  fuelPath,
  "Vehicle.Powertrain.TractionBattery.CurrentVoltage",
  "Vehicle.Powertrain.TractionBattery.Temperature.Max",
  "Vehicle.Twin.TractionBattery.InsulationResistance",
  "Vehicle.Twin.Alarm.Active",
  "Vehicle.Twin.Safety.IsCrashDetected",
  "Vehicle.Twin.Safety.IsRolloverDetected",
  "Vehicle.Twin.Safety.IsEmergencyCallActive",
  ...["Longitudinal", "Lateral", "Vertical"].map((axis) => `Vehicle.Acceleration.${axis}`),
  ...seats.flatMap((seat) => [`${seat}.IsBelted`, `${seat}.OccupancyStatus`]),
  ...airbagPaths,
  ...doors.flatMap((door) => [`${door}.IsOpen`, `${door}.IsLocked`]),
  ...["Latitude", "Longitude", "Altitude", "Heading", "HorizontalAccuracy"].map((of) => `Vehicle.CurrentLocation.${of}`),
  "Vehicle.Occupant.Row1.DriverSide.Identifier.Subject",
  "Vehicle.Occupant.Row1.DriverSide.Identifier.Issuer",
]

interface Known {
  readonly value: SignalValue
  /** Epoch ms. */
  readonly at: number
}

/** `occurredAt` is when it happened, epoch ms; `twin` is left out where it could not be had in time. */
export const situationOf = (occurredAt: number, observed: Observed, twin: Twin | undefined): Situation => {
  const known = new Map<string, Known>()
  for (const path of paths) {
    const found = fromMessage(observed, path) ?? fromTwin(twin, path)
    if (found !== undefined) known.set(path, found)
  }
  const readings: Record<string, SignalValue> = {}
  const personal: Record<string, SignalValue> = {}
  for (const [path, { value }] of known) (isPersonal(path) ? personal : readings)[path] = value
  const positionAt = known.has(longitudePath) ? known.get(latitudePath)?.at : undefined
  if (positionAt !== undefined) personal[timestampPath] = toTime(positionAt)
  return { readings, personal, evidence: [{ text: inWords(known, occurredAt, positionAt), events: [] }] }
}

const fromMessage = (observed: Observed, path: string): Known | undefined => {
  const { event } = observed.record
  return event.type === "TelemetryReceived" ? reportedOf(event.data, path, observed) : undefined
}

const fromTwin = (twin: Twin | undefined, path: string): Known | undefined => {
  const signal = twin?.signals[path]
  return signal === undefined || signal.value === null || signal.quality !== "GOOD"
    ? undefined
    : { value: signal.value, at: signal.at }
}

const inWords = (known: ReadonlyMap<string, Known>, occurredAt: number, positionAt: number | undefined): string => {
  const aged = (path: string, of: (value: number) => string): ReadonlyArray<string> => {
    const { at = 0, value } = known.get(path) ?? {}
    return typeof value === "number" ? [`${of(value)}${ageOf(occurredAt, at)}`] : []
  }
  const having = (paths: ReadonlyArray<string>, wanted: SignalValue) =>
    paths.filter((path) => known.get(path)?.value === wanted).map(placeOf)
  const parts = [
    ...aged(speedPath, (value) => `${Math.round(value)} km/h`),
    ...aged(socPath, (value) => `battery at ${Math.round(value)} %`),
    ...aged(fuelPath, (value) => `fuel at ${Math.round(value)} %`),
    ...listed("airbags deployed:", having(airbagPaths, true)),
    ...listed("seats taken:", having(seats.map((seat) => `${seat}.OccupancyStatus`), "OCCUPIED")),
    ...listed("belts fastened:", having(seats.map((seat) => `${seat}.IsBelted`), true)),
    ...listed("doors open:", having(doors.map((door) => `${door}.IsOpen`), true)),
    ...listed("doors locked:", having(doors.map((door) => `${door}.IsLocked`), true)),
    positionAt === undefined ? "position not known" : `position known${ageOf(occurredAt, positionAt)}`,
  ]
  return `When it happened: ${parts.join("; ")}`
}

const listed = (what: string, places: ReadonlyArray<string>): ReadonlyArray<string> =>
  places.length === 0 ? [] : [`${what} ${places.join(", ")}`]

/** `Vehicle.Cabin.Door.Row1.DriverSide.IsOpen`: `front driver side`. */
const placeOf = (path: string): string => {
  const [, row, side] = /\.Row(\d)\.(\w+)\./.exec(path) ?? []
  const words = { DriverSide: "driver side", PassengerSide: "passenger side", Middle: "middle" }[side ?? ""] ?? side
  return `${row === "1" ? "front" : "rear"} ${words}`
}

/** Nothing where it was at the same time, or nearly. */
const ageOf = (occurredAt: number, at: number): string => {
  const apart = Math.abs(occurredAt - at)
  return apart < 2_000 ? "" : ` (${spanOf(apart)} ${at < occurredAt ? "before" : "after"})`
}

/** A span of time in words, ms. */
export const spanOf = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}
