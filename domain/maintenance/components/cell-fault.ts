/**
 * Whether one cell of the traction battery drifts from its siblings. What the cells beside it do, and the median cell of
 * the pack, is what a healthy one would do under the same current, temperature and state of charge, so no cell model is
 * needed. Five things are looked at, each in units of the siblings' own robust spread and as a physical figure, of which
 * both must be exceeded:
 *
 * - the deviation at rest, while driving, and while charging (voltage consistency);
 * - how the deviation goes with the current (excess resistance);
 * - how it goes with time, at the same state of charge (self-discharge).
 *
 * One frame a minute counts. Twenty of a phase make a window; averages over windows are judged when one ends.
 */
import { booleanOf, numberOf, numbersOf } from "../../vehicle/good-reading.ts"
import * as Drift from "./cell-drift.ts"
import { assessmentOf } from "./cell-report.ts"
import { type CellFaultSettings, settings1, settings2 } from "./cell-settings.ts"
import { type Average, type CellFaultState, initial } from "./cell-state.ts"
import { findingOf, follow, type Limits, standingOf } from "./cell-suspects.ts"
import * as Window from "./cell-window.ts"
import { type ComponentModel, minuteOf, type Observed, renews } from "../model.ts"
import { pack, unpack } from "./packed.ts"

const cellsPath = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"
const currentPath = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"
const socPath = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
const chargingPath = "Vehicle.Powertrain.TractionBattery.Charging.IsCharging"
const speedPath = "Vehicle.Speed"

const component = "tractionBattery.cells"
const minuteMs = 60_000
/** Fewer cells have no siblings to speak of. */
const minCells = 8
/** After so many frames with another number of cells it is another pack. */
const maxOthers = 10

const evolve = (settings: CellFaultSettings, state: CellFaultState, observed: Observed): CellFaultState => {
  const { at, receivedAt, record: { event } } = observed
  if (event.type === "ServiceRecorded") {
    const since = Math.min(at, receivedAt)
    return renews(event.data, component) && since > state.since ? { ...initial, since } : state
  }
  if (event.type !== "TelemetryReceived") return state
  const minute = minuteOf(at)
  if (minute <= state.minute || at <= state.since || at > receivedAt + minuteMs) return state
  const { data } = event
  const voltages = numbersOf(data, cellsPath, at)
  const current = numberOf(data, currentPath, at)
  // Only what belongs together in time.
  if (voltages === undefined || current === undefined || minuteOf(voltages.at) !== minute) return state
  if (Math.abs(current.at - voltages.at) > minuteMs) return state
  const volts = voltages.value
  if (volts.length < minCells) return state
  if (volts.length !== state.cells) {
    return state.cells !== 0 && state.others < maxOthers
      ? { ...state, minute, others: state.others + 1 }
      : counted(settings, { ...initial, since: state.since, cells: volts.length }, observed, volts, current.value)
  }
  return counted(settings, state, observed, volts, current.value)
}

const counted = (
  settings: CellFaultSettings,
  state: CellFaultState,
  { at, record: { event } }: Observed,
  volts: ReadonlyArray<number>,
  amperes: number,
): CellFaultState => {
  if (event.type !== "TelemetryReceived") return state
  const minute = minuteOf(at)
  const told = numberOf(event.data, socPath, at)?.value
  const soc = told !== undefined && told >= 0 && told <= 100 ? told : undefined
  const known = { ...state, minute, event: event.id, others: 0 }
  if (soc !== undefined && soc < settings.minSoc) return known
  const isMoving = (numberOf(event.data, speedPath, at)?.value ?? 0) > 0
  const charges = booleanOf(event.data, chargingPath, at)?.value ?? amperes > 0
  const phase = isMoving ? "driving" : Math.abs(amperes) <= settings.restAmperes ? "rest" : charges ? "charging" : "driving"
  const window = Window.add(
    state.windows[phase] ?? Window.open(minute),
    { volts, amperes: Math.max(-maxAmperes, Math.min(maxAmperes, amperes)), soc, minute },
    phase,
  )
  if (window === undefined) return known
  return window.n < settings.windowFrames
    ? { ...known, windows: { ...state.windows, [phase]: window } }
    : judged(settings, { ...known, windows: { ...state.windows, [phase]: null } }, phase, window)
}

/** No traction battery has more; keeps absurd readings from drowning the sums. */
const maxAmperes = 5000

/** A window has ended. */
const judged = (
  settings: CellFaultSettings,
  state: CellFaultState,
  phase: Window.Phase,
  window: Window.Window,
): CellFaultState => {
  const means = Window.meansOf(window, settings.swingAmperes, settings.minFit)
  const before = state.offsets[phase]
  const average = averaged(settings, before, means.cells)
  const resistance = means.resistance === undefined ? state.resistance : {
    ...averaged(settings, state.resistance, means.resistance.excess),
    median: Window.rounded(
      smoothed(settings, state.resistance.windows, state.resistance.median, means.resistance.median),
      tenths,
    ),
  }
  const excess = unpack(resistance.cells, tenths)
  const atRest = means.cells.map((mv, i) => mv - (excess[i] ?? 0) * means.amperes / 1000)
  const drift = Drift.add(state.drift, means, atRest, settings.fadeDays)
  const fit = Drift.fitOf(drift)

  const minute = state.minute
  let { suspects, trend } = state
  const worst = new Map(state.worst.map((finding) => [finding.sign, finding]))
  const look = (limits: Limits, values: ReadonlyArray<number>, latest: ReadonlyArray<number>) => {
    const standing = standingOf(values, limits)
    const found = findingOf(standing, standing.worst)
    worst.set(limits.sign, found)
    const now = values === latest ? standing : standingOf(latest, limits)
    suspects = follow(suspects, standing, now, minute, state.event)
    return found
  }

  look(offsetLimits(settings, phase), unpack(average.cells, tenths), means.cells)
  if (means.resistance !== undefined && resistance.median > 0) {
    look(resistanceLimits(settings, resistance.median), excess, means.resistance.excess)
  }
  if (fit !== undefined) {
    const found = look(driftLimits(settings, fit.span), fit.slopes, fit.slopes)
    trend = {
      span: Window.rounded(fit.span, 100),
      mvPerPercent: fit.mvPerPercent === undefined ? null : Window.rounded(fit.mvPerPercent, 100),
      offset: Window.rounded(fit.offsets[found.cell] ?? 0, 10),
    }
  }
  return {
    ...state,
    offsets: { ...state.offsets, [phase]: average },
    resistance,
    drift,
    trend,
    worst: [...worst.values()],
    suspects,
  }
}

const tenths = 10

const smoothed = ({ memoryWindows }: CellFaultSettings, windows: number, before: number, value: number): number =>
  before + (value - before) / Math.min(memoryWindows, windows + 1)

const averaged = (settings: CellFaultSettings, { cells, windows }: Average, values: ReadonlyArray<number>): Average => {
  const before = unpack(cells, tenths)
  return {
    windows: windows + 1,
    cells: pack(values.map((value, i) => tenths * smoothed(settings, windows, before[i] ?? 0, value))),
  }
}

const offsetLimits = ({ highWeight, offsetMv, siblings, stepMv, times }: CellFaultSettings, phase: Window.Phase): Limits => ({
  sign: phase,
  limit: offsetMv[phase],
  times,
  floor: stepMv,
  low: 1,
  high: highWeight,
  siblings,
})

/** The step of the voltages over the least swing of current, averaged over a window. */
const resistanceLimits = (settings: CellFaultSettings, median: number): Limits => ({
  sign: "resistance",
  limit: settings.resistanceShare * median,
  times: settings.times,
  floor: 1000 * settings.stepMv / settings.swingAmperes / Math.sqrt(settings.windowFrames),
  low: 0,
  high: 1,
  siblings: settings.siblings,
})

const driftLimits = ({ driftMv, driftMvPerDay, siblings, stepMv, times }: CellFaultSettings, span: number): Limits => ({
  sign: "drift",
  limit: Math.max(driftMvPerDay, driftMv / span),
  times,
  floor: stepMv / span,
  low: 1,
  high: 0,
  siblings,
})

export const cellFaultOf = (settings: CellFaultSettings): ComponentModel<CellFaultState> => ({
  component,
  name: "cell-fault",
  version: settings.version,
  signals: [cellsPath],
  predicts: "A cell that drifts from its siblings: by voltage, by resistance, or by losing charge",
  horizon: "Days to months ahead of the battery management's own warning",
  horizonDays: 90,
  source: "Difference from the siblings (mean-difference model: Zhang et al. 2019, doi 10.5772/intechopen.88534; the " +
    "median cell as the reference: Batteries 10 (2024) 378); " +
    "robust z-scores (Iglewicz & Hoaglin 1993); judged on the data of Nie, Deng et al., Energy 323 (2025) 135754",
  raiseAt: 30,
  recoverAt: 60,
  confirmations: 1,
  initial,
  evolve: (state, observed) => evolve(settings, state, observed),
  assess: (state, at) => assessmentOf(settings, state, at),
  deadline: () => undefined,
})

export const cellFault1 = cellFaultOf(settings1)
export const cellFault = cellFaultOf(settings2)
