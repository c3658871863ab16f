/**
 * The traction battery as one open-circuit voltage behind one resistance. Currents are positive when they charge, as in
 * VSS.
 */
import type { Make } from "./makes.ts"

export interface Battery {
  /** State of charge, 0–1. */
  charge: number
  /** °C. */
  temperature: number
  /** A. */
  current: number
  /** V. */
  voltage: number
}

const highestCellVoltage = 4.2
/** A charge ends when the current has fallen to this part of the capacity an hour. */
const cutOff = 1 / 30
/** Of the pack, J/K and W/K; the cooling system switches on above the limit. */
const heatCapacity = 350_000
const heatLoss = 40
const coolingLimit = 36
const coolingPower = 3_000

/** Open-circuit voltage of the pack: nearly straight, with a knee when nearly empty (NMC cells). */
export const openCircuitVoltage = (make: Make, charge: number): number =>
  make.cells * (3.4 + 0.79 * charge - 0.3 * Math.exp(-18 * charge))

/** Draws (negative: recovers) electric power for so many seconds, W. What the pack cannot give or take is not moved. */
export const draw = (battery: Battery, make: Make, power: number, ambient: number, seconds: number): void => {
  const open = openCircuitVoltage(make, battery.charge)
  const wanted = (Math.sqrt(Math.max(0, open * open - 4 * make.resistance * power)) - open) / (2 * make.resistance)
  const room = (highestCellVoltage * make.cells - open) / make.resistance
  pass(battery, make, Math.min(wanted, room), ambient, seconds)
}

export type Charger = "ac" | "dc"

/**
 * Charges for so many seconds: constant current (AC: constant power), and constant voltage once the cells are at their
 * highest. False when the target (0–1) or the end of the taper is reached.
 */
export const chargeFor = (
  battery: Battery,
  make: Make,
  charger: Charger,
  target: number,
  ambient: number,
  seconds: number,
): boolean => {
  const open = openCircuitVoltage(make, battery.charge)
  const offered = charger === "dc" ? make.dcCurrent : make.acPower / open
  const taper = (highestCellVoltage * make.cells - open) / make.resistance
  const current = Math.min(offered, taper)
  if (battery.charge >= target || current < make.capacity * cutOff) {
    pass(battery, make, 0, ambient, seconds)
    return false
  }
  pass(battery, make, current, ambient, seconds)
  return true
}

/** Stands for so many seconds without current. */
export const rest = (battery: Battery, make: Make, ambient: number, seconds: number): void =>
  pass(battery, make, 0, ambient, seconds)

const pass = (battery: Battery, make: Make, current: number, ambient: number, seconds: number): void => {
  battery.current = current
  battery.charge = Math.min(1, Math.max(0, battery.charge + (current * seconds) / (3_600 * make.capacity)))
  battery.voltage = openCircuitVoltage(make, battery.charge) + current * make.resistance
  const cooling = battery.temperature > coolingLimit ? coolingPower : 0
  const heat = current * current * make.resistance - cooling - heatLoss * (battery.temperature - ambient)
  battery.temperature += (heat * seconds) / heatCapacity
}
