/**
 * The energy braked away for each tonne of a vehicle, so that its weight need not be known: what kinetic energy is lost
 * while braking, less what rolling and air take and what is charged into the traction battery.
 *
 * Speed is looked at twice in ten minutes, by their first two messages, and what these show stands for the time since
 * the last look. That is little to go by on one day, and enough over the weeks that pads last.
 */
import type { DataOf } from "../../vehicle/events.ts"
import { numberOf } from "../../vehicle/good-reading.ts"
import { tenMinutesOf } from "../model.ts"
import { minuteMs, rounded } from "./score-line.ts"

export type Braked = {
  /** MJ for each tonne, and when the count began and ended, epoch ms; 0: not yet. */
  readonly energy: number
  readonly from: number
  readonly at: number
  /** The first of two looks at the speed: [epoch ms, m/s]. */
  readonly look: readonly [number, number] | null
}

export const nothingBraked: Braked = { energy: 0, from: 0, at: 0, look: null }

/** Two looks are no further apart. */
const slowestMs = 90_000
const fastestMs = 100
/** After a longer silence two looks stand for half of ten minutes: a drive ends, on average, so long after its last. */
const silenceMs = 15 * minuteMs
const afterSilenceMs = 5 * minuteMs
/** Harder is no vehicle's braking but a slip of the sensor, m/s². */
const hardest = 12
/** What slows a vehicle that rolls, m/s² and, by the square of its speed, 1/m: common values of cars and vans. */
const rolling = 0.1
const drag = 0.000_25
/** Of the current that recuperation charges, where the vehicle says nothing of its weight, t. */
const commonTonnes = 2
const motorEfficiency = 0.85

export const speedPath = "Vehicle.Speed"
const voltagePath = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
const currentPath = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"
const weightPath = "Vehicle.CurrentOverallWeight"

/** Up to this message. The same object where there is nothing to look at. */
export const brakedBy = (braked: Braked, data: DataOf<"TelemetryReceived">, messageAt: number): Braked => {
  const { look } = braked
  if (look === null && tenMinutesOf(messageAt) <= tenMinutesOf(braked.at)) return braked
  const speed = numberOf(data, speedPath, messageAt)
  if (speed === undefined || Math.abs(speed.value) > 400) return braked
  const v = rounded(Math.abs(speed.value) / 3.6, 3)
  if (look === null) {
    return tenMinutesOf(speed.at) <= tenMinutesOf(braked.at) ? braked : { ...braked, look: [speed.at, v] }
  }
  const lasted = speed.at - look[0]
  if (lasted < fastestMs) return braked
  // After a long silence this is a first look again.
  if (lasted > slowestMs) return { ...braked, look: [speed.at, v] }
  const since = speed.at - braked.at
  const covered = since > silenceMs ? afterSilenceMs : since
  const power = Math.max(0, brakingOf(look[1], v, lasted / 1000) - recuperated(data, messageAt))
  return {
    energy: rounded(braked.energy + power * covered / 1e6, 6),
    from: braked.from === 0 ? look[0] : braked.from,
    at: speed.at,
    look: null,
  }
}

/** W a kg = kW a tonne, that something other than rolling and air took. */
const brakingOf = (from: number, to: number, seconds: number): number => {
  const slowing = (from - to) / seconds
  const mean = (from + to) / 2
  return slowing <= 0 || slowing > hardest ? 0 : Math.max(0, slowing - rolling - drag * mean * mean) * mean
}

/** kW a tonne at the wheels. */
const recuperated = (data: DataOf<"TelemetryReceived">, at: number): number => {
  const current = numberOf(data, currentPath, at)?.value ?? 0
  const voltage = numberOf(data, voltagePath, at)?.value ?? 0
  if (current <= 0 || voltage <= 0 || current > 5_000 || voltage > 2_000) return 0
  const weight = numberOf(data, weightPath, at)?.value ?? 0
  return current * voltage / 1000 / motorEfficiency / (weight >= 300 ? weight / 1000 : commonTonnes)
}
