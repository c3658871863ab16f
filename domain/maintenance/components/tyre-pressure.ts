/**
 * A tyre's pressure as it would be at 20 °C, by the gas law with the temperature in the tyre; where that is not known,
 * with that of the air outside, and then only while the tyre is cold is it sure.
 */
import type { DataOf } from "../../vehicle/events.ts"
import { numberOf } from "../../vehicle/good-reading.ts"
import { tenMinutesOf } from "../model.ts"
import { hourMs, minuteMs, rounded } from "./score-line.ts"
import type { TyreLeakState } from "./tyre-leak-state.ts"

/** Outside these a sensor is broken, kPa over the air's pressure and °C. */
const pressures = { least: 10, most: 1_500 }
const temperatures = { least: -60, most: 150 }

const tenth = (value: number): number => rounded(value, 1)

const airKPa = 101.325
const kelvin = 273.15
const referenceCelsius = 20

/** Tyres cool within some hours of standing, and warm in some minutes of driving. */
const coolingMs = 3 * hourMs
const stillColdMs = 2 * minuteMs
const ambientHoldsMs = 3 * hourMs

export const ambientPath = "Vehicle.Exterior.AirTemperature"
export const speedPath = "Vehicle.Speed"

export const wheels = [
  { component: "tyres.frontLeft", name: "Front left tyre", path: "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire" },
  { component: "tyres.frontRight", name: "Front right tyre", path: "Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire" },
  { component: "tyres.rearLeft", name: "Rear left tyre", path: "Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire" },
  { component: "tyres.rearRight", name: "Rear right tyre", path: "Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire" },
].map((wheel) => ({ ...wheel, pressure: `${wheel.path}.Pressure`, temperature: `${wheel.path}.AirTemperature` }))
export type Wheel = (typeof wheels)[number]

export type Telemetry = DataOf<"TelemetryReceived">

/** What the pressure, kPa over the air's, would be at 20 °C. */
export const at20Celsius = (kPa: number, celsius: number): number =>
  (kPa + airKPa) * (referenceCelsius + kelvin) / (celsius + kelvin) - airKPa

const within = (value: number, { least, most }: { readonly least: number; readonly most: number }): boolean =>
  value >= least && value <= most

/** When the vehicle moved, and how warm it is outside: each once in ten minutes. */
export const surroundings = (state: TyreLeakState, data: Telemetry, at: number): TyreLeakState => {
  let next = state
  const { ambient, movedAt } = state
  const slot = tenMinutesOf(at)
  if (slot > tenMinutesOf(movedAt)) {
    const speed = numberOf(data, speedPath, at)
    if (speed !== undefined && speed.value > 3 && tenMinutesOf(speed.at) > tenMinutesOf(movedAt)) {
      const setsOut = speed.at - movedAt >= coolingMs
      next = { ...next, movedAt: speed.at, startedAt: setsOut ? speed.at : state.startedAt }
    }
  }
  if (ambient === null || slot > tenMinutesOf(ambient[0])) {
    const told = numberOf(data, ambientPath, at)
    if (told !== undefined && within(told.value, temperatures) && !(ambient !== null && told.at <= ambient[0])) {
      next = { ...next, ambient: [told.at, tenth(told.value)] }
    }
  }
  return next
}

const isCold = ({ movedAt, startedAt }: TyreLeakState, at: number): boolean =>
  movedAt > 0 && (at - movedAt >= coolingMs || (at >= startedAt && at - startedAt <= stillColdMs))

export interface Sample {
  readonly at: number
  /** At 20 °C, and as it was told. */
  readonly kPa: number
  readonly told: number
  /** The temperature is known, so that it counts for a trend; of a warm tyre it is not lower than so. */
  readonly sure: boolean
}

export const sampleOf = (
  state: TyreLeakState,
  wheel: Wheel,
  data: Telemetry,
  messageAt: number,
): Sample | undefined => {
  const pressure = numberOf(data, wheel.pressure, messageAt)
  if (pressure === undefined || !within(pressure.value, pressures)) return undefined
  const { at, value } = pressure
  const told = tenth(value)
  const inside = numberOf(data, wheel.temperature, messageAt)
  if (inside !== undefined && within(inside.value, temperatures)) {
    return { at, kPa: tenth(at20Celsius(value, inside.value)), told, sure: true }
  }
  const { ambient } = state
  if (ambient === null || Math.abs(at - ambient[0]) > ambientHoldsMs) return { at, kPa: value, told, sure: false }
  return { at, kPa: tenth(at20Celsius(value, ambient[1])), told, sure: isCold(state, at) }
}
