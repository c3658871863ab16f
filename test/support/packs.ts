/**
 * Simulated traction batteries of cells in series, as their management reports them: cells that differ in capacity,
 * resistance, charge and self-discharge; modules that differ in temperature and in their measuring board; voltages read
 * one module after another while the current changes, with noise, in steps of 1 mV, now and then an error code. A day is
 * a drive in the morning, a rest, a drive in the evening, and a charge where it is needed.
 */
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Random from "../../src/simulator/random.ts"
import { day, minute, now } from "./given.ts"
import { readings } from "./maintenance.ts"

export const batterySignal = {
  cells: "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages",
  current: "Vehicle.Powertrain.TractionBattery.CurrentCurrent",
  soc: "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
  charging: "Vehicle.Powertrain.TractionBattery.Charging.IsCharging",
  speed: "Vehicle.Speed",
} as const

/** All from the day `from` on. */
export interface CellTrouble {
  /** From 0. */
  readonly cell: number
  readonly from?: number
  /** Drawn from the cell by an internal short or by its board, mA. */
  readonly leakMilliamperes?: number
  /** Of the cell's resistance at first, a month. */
  readonly resistanceGrowth?: number
  /** Of the cell's capacity at first, a month. */
  readonly capacityLoss?: number
  /** At once. */
  readonly offsetMv?: number
}

export interface PackOptions {
  readonly seed: number
  readonly days: number
  readonly cells?: number
  /** Minutes between frames. */
  readonly every?: number
  readonly troubles?: ReadonlyArray<CellTrouble>
  readonly chemistry?: keyof typeof openCircuit
  /** By how much the cells' charge differs at first: standard deviation, as a share. */
  readonly imbalance?: number
}

export interface Frame {
  readonly at: number
  readonly volts: ReadonlyArray<number>
  readonly amperes: number
  readonly soc: number
  readonly speed: number
  readonly charging: boolean
}

const capacityAh = 120
const ohms = 0.0009
/** Of a wall box of 7 kW. */
const chargeAmperes = 20
const cellsAModule = 12
const spread = { capacity: 0.01, resistance: 0.04, module: 1.5, board: 0.001, noise: 0.001 }
/** Charge lost a month by healthy cells: the mean, and how cells differ. */
const selfDischarge = { mean: 0.02, spread: 0.004 }
const glitchChance = 1e-4
/** While charging, cells this far above the lowest are bled with so much, V and A. */
const balancing = { above: 0.012, amperes: 0.1 }

/** Charge and V, in straight lines between. */
const openCircuit: Readonly<Record<"nickelManganeseCobalt" | "ironPhosphate", ReadonlyArray<readonly [number, number]>>> = {
  nickelManganeseCobalt: [
    [0, 3.0], [0.1, 3.44], [0.2, 3.54], [0.3, 3.59], [0.4, 3.63], [0.5, 3.68],
    [0.6, 3.77], [0.7, 3.87], [0.8, 3.97], [0.9, 4.08], [1, 4.2],
  ],
  // Flat, but for its ends.
  ironPhosphate: [
    [0, 2.8], [0.05, 3.1], [0.1, 3.2], [0.2, 3.25], [0.3, 3.28], [0.4, 3.29],
    [0.6, 3.3], [0.65, 3.33], [0.9, 3.335], [0.97, 3.35], [0.99, 3.42], [1, 3.55],
  ],
}

export const openCircuitVolts = (
  charge: number,
  chemistry: keyof typeof openCircuit = "nickelManganeseCobalt",
): number => {
  const points = openCircuit[chemistry]
  let i = 1
  while (i < points.length - 1 && charge > (points[i]?.[0] ?? 1)) i++
  const [from, low] = points[i - 1] ?? [0, 3]
  const [to, high] = points[i] ?? [1, 4]
  return low + ((high - low) * (Math.max(0, Math.min(1, charge)) - from)) / (to - from) + Math.min(0, charge) * 3
}

/** Roughly normal, of mean 0 and standard deviation 1. */
export const normal = (random: Random.Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())

export function* frames({ cells = 96, chemistry, days, every = 1, imbalance = 0.007, seed, troubles = [] }: PackOptions): Generator<Frame> {
  const random = Random.make(seed, "pack")
  const of = <A>(make: (i: number) => A): Array<A> => Array.from({ length: cells }, (_, i) => make(i))
  const modules = Array.from({ length: Math.ceil(cells / cellsAModule) }, () => ({
    warmth: spread.module * normal(random),
    board: spread.board * normal(random),
    lag: 0,
  }))
  const capacity = of(() => capacityAh * (1 + spread.capacity * normal(random)))
  const resistance = of(() => ohms * (1 + spread.resistance * normal(random)))
  const charge = of(() => 0.8 + imbalance * normal(random))
  const leak = of(() => Math.max(0, selfDischarge.mean + selfDischarge.spread * normal(random)) * capacityAh / 30 / 24)
  const resistance0 = [...resistance]
  const capacity0 = [...capacity]
  const offset = of(() => 0)
  let soc = 0.8

  const pass = (amperes: number, hours: number, balances: boolean) => {
    let lowest = Infinity
    if (balances) for (const one of charge) lowest = Math.min(lowest, one)
    const floor = openCircuitVolts(lowest, chemistry) + balancing.above
    for (let i = 0; i < cells; i++) {
      const level = charge[i] ?? 0
      const bled = balances && openCircuitVolts(level, chemistry) > floor ? balancing.amperes : 0
      charge[i] = level + (amperes - (leak[i] ?? 0) - bled) * hours / (capacity[i] ?? capacityAh)
    }
    soc = charge.reduce((sum, level) => sum + level, 0) / cells
  }

  const read = (at: number, amperes: number, speed: number, charging: boolean): Frame => {
    for (const one of modules) one.lag = speed > 0 ? 20 * normal(random) : 0
    const volts = of((i) => {
      if (random.chance(glitchChance)) return random.chance(0.5) ? 0 : 65.534
      const { board, lag, warmth } = modules[Math.floor(i / cellsAModule)] ?? { board: 0, lag: 0, warmth: 0 }
      const volt = openCircuitVolts(charge[i] ?? 0, chemistry) + (amperes + lag) * (resistance[i] ?? 0) * (1 - 0.015 * warmth) +
        board + (offset[i] ?? 0) + spread.noise * normal(random)
      return Math.round(volt * 1000) / 1000
    })
    return {
      at,
      volts,
      amperes: Math.round(amperes * 10) / 10,
      soc: Math.round(Math.max(0, Math.min(1, soc)) * 1000) / 10,
      speed,
      charging,
    }
  }

  for (let today = 0; today < days; today++) {
    for (const trouble of troubles) {
      const { capacityLoss = 0, cell, from = 0, leakMilliamperes = 0, offsetMv = 0, resistanceGrowth = 0 } = trouble
      if (today < from) continue
      const months = (today - from) / 30
      resistance[cell] = (resistance0[cell] ?? ohms) * (1 + resistanceGrowth * months)
      // What is in the cell stays in it.
      const shrunk = (capacity0[cell] ?? capacityAh) * Math.max(0.1, 1 - capacityLoss * months)
      charge[cell] = (charge[cell] ?? 0) * (capacity[cell] ?? shrunk) / shrunk
      capacity[cell] = shrunk
      offset[cell] = offsetMv / 1000
      if (today === from) leak[cell] = (leak[cell] ?? 0) + leakMilliamperes / 1000
    }
    const midnight = now + today * day
    const drive = function* (startsAt: number, minutes: number) {
      for (let passed = 0; passed < minutes; passed += every) {
        const speed = random.chance(0.1) ? 0 : random.between(10, 110)
        const amperes = speed === 0 ? -1.5 : -45 + 50 * normal(random)
        // What the frame shows is an instant; the charge goes by the mean.
        pass(-40, every / 60, false)
        yield read(midnight + (startsAt + passed) * minute, amperes, Math.round(speed), false)
      }
    }
    yield* drive(7 * 60, Math.round(random.between(25, 50)))
    pass(0, 9, false)
    for (let passed = 0; passed < 10; passed += every) {
      yield read(midnight + (17 * 60 + passed) * minute, -0.8, 0, false)
    }
    yield* drive(17 * 60 + 15, Math.round(random.between(25, 50)))
    pass(0, 2, false)
    const target = random.chance(0.3) ? 0.98 : 0.85
    if (soc < 0.55) {
      const minutes = (target - soc) * capacityAh / chargeAmperes * 60
      for (let passed = 0; passed < minutes; passed += every) {
        pass(chargeAmperes, every / 60, soc > 0.7)
        yield read(midnight + (20 * 60 + passed) * minute, chargeAmperes, 0, true)
      }
    }
    pass(0, 9, false)
  }
}

export const eventOf = ({ amperes, at, charging, soc, speed, volts }: Frame): VehicleEvent =>
  readings(at, {
    [batterySignal.cells]: volts,
    [batterySignal.current]: amperes,
    [batterySignal.soc]: soc,
    [batterySignal.speed]: speed,
    [batterySignal.charging]: charging,
  })
