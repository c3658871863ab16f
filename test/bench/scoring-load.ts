/**
 * Messages that carry every signal a component model reads, as the hardest load for them: one each ten seconds, from
 * cars that drive, rest and charge through the day, each at an hour of its own; the pack's 96 cells once a minute.
 */
import { models } from "../../domain/maintenance/models.ts"
import { catalogue } from "../../domain/signals/catalogue.ts"
import type { SignalDefinition, SignalValue } from "../../domain/signals/signal.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import type { EventToAppend } from "../../src/eventstore/event-store.ts"

const cells = 96
const secondsApart = 10
const firstAt = Date.parse("2026-11-01T00:00:00.000Z")

const cellsPath = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"

/** A car at a moment. */
interface Moment {
  readonly seq: number
  /** Hours since its midnight. */
  readonly hour: number
  readonly mode: "drive" | "charge" | "rest"
  /** Percent. */
  readonly soc: number
  /** Up and down within some minutes, −1 to 1. */
  readonly wave: number
}

/** Charges from 1 to 5 at night, drives from 7 to 9 and from 17 to 19, and rests between. */
const momentOf = (n: number, vehicles: number, seq: number): Moment => {
  const hour = (seq * secondsApart / 3_600 + 24 * n / vehicles) % 24
  const part = (from: number, to: number) => Math.min(1, Math.max(0, (hour - from) / (to - from)))
  const soc = 50 + 40 * part(1, 5) - 20 * part(7, 9) - 20 * part(17, 19)
  const isDriving = (hour >= 7 && hour < 9) || (hour >= 17 && hour < 19)
  const mode = isDriving ? "drive" : hour >= 1 && hour < 5 ? "charge" : "rest"
  return { seq, hour, mode, soc, wave: Math.sin(seq / 7 + n) }
}

const round = (value: number, places: number): number => Math.round(value * 10 ** places) / 10 ** places

type Value = (moment: Moment) => SignalValue | undefined
const by = <A>(drive: A, charge: A, rest: A) => ({ mode }: Moment): A =>
  mode === "drive" ? drive : mode === "charge" ? charge : rest

const openCircuit = (soc: number): number => 3.3 + 0.008 * soc
/** A of a pack of 167 Ah: 40 % in four hours, and twice 20 % in two. */
const current = ({ mode, wave }: Moment): number => mode === "drive" ? round(-16.7 + 60 * wave, 1) : mode === "charge" ? 16.7 : 0

/** Paths by how they end; what is not listed stands still in the middle of its range. */
const values: ReadonlyArray<readonly [RegExp, Value]> = [
  [/\.CellVoltages$/, (moment) => {
    if (moment.seq % (60 / secondsApart) !== 0) return undefined
    const pack = openCircuit(moment.soc) + current(moment) * 0.0005
    return Array.from({ length: cells }, (_, i) => round(pack + 0.004 * Math.sin(i) + 0.001 * Math.sin(moment.seq + 7 * i), 3))
  }],
  [/\.CellTemperature$/, ({ wave }) => Array.from({ length: 24 }, (_, i) => round(25 + wave + (i % 3), 1))],
  [/\.CellVoltage\.(Min|Max)$/, ({ soc }) => round(openCircuit(soc), 3)],
  [/\.StateOfCharge\.\w+$/, ({ soc }) => round(soc, 1)],
  [/\.StateOfHealth$/, () => 95],
  [/\.CurrentCurrent$/, current],
  [/TractionBattery\.CurrentVoltage$/, ({ soc }) => round(cells * openCircuit(soc), 1)],
  [/LowVoltageBattery\.CurrentVoltage$/, by(14.2, 13.8, 12.6)],
  [/\.CrankingVoltage$/, () => 10.8],
  [/\.Charging\.IsCharging$/, by(false, true, false)],
  [/\.InsulationResistance$/, ({ wave }) => round(4_000 + 50 * wave, 0)],
  [/Vehicle\.Speed$/, (moment) => moment.mode === "drive" ? round(60 + 40 * moment.wave, 1) : 0],
  [/\.IsMoving$/, by(true, false, false)],
  [/\.TraveledDistance$/, ({ seq }) => 50_000_000 + 20 * seq],
  [/\.Tire\.Pressure$/, ({ wave }) => round(250 + wave, 0)],
  [/\.AirTemperature$/, ({ wave }) => round(15 + wave, 1)],
  [/\.PadWear$/, () => 20],
  [/(Motor|Motors|Inverter|Engine)\b.*Temperature$/, ({ mode, wave }) => mode === "drive" ? round(70 + 5 * wave, 1) : 30],
  [/Acceleration\.\w+$/, ({ wave }) => round(wave, 2)],
]

const middle = ({ allowed, max, min, type }: SignalDefinition): SignalValue => {
  const kind = type.replace("[]", "")
  const one = allowed?.[0] ?? (kind === "boolean" ? false : kind === "string" ? "x" : Math.round(((min ?? 0) + (max ?? min ?? 0)) / 2))
  return type.endsWith("[]") ? [one] : one
}

/** A value that the signal takes, or undefined where this message has none. */
const valueOf = (signal: SignalDefinition): Value => {
  const [, value] = values.find(([path]) => path.test(signal.path)) ?? []
  const still = middle(signal)
  if (value === undefined) return () => still
  return (moment) => {
    const found = value(moment)
    if (found === undefined) return undefined
    const fitting = signal.type.endsWith("[]") && !Array.isArray(found) ? [found as number] : found
    return signal.accepts(fitting) ? fitting : still
  }
}

const sources = [...new Set([cellsPath, ...models.flatMap(({ signals }) => signals)])].flatMap((path) => {
  const signal = catalogue.get(path)
  return signal === undefined ? [] : [{ path, personal: signal.personal, value: valueOf(signal) }]
})

export const scoredEvent = (vin: string, n: number, vehicles: number, seq: number): EventToAppend => {
  const at = new Date(firstAt + seq * secondsApart * 1_000).toISOString()
  const moment = momentOf(n, vehicles, seq)
  const readings: Record<string, SignalValue> = {}
  const personal: Record<string, SignalValue> = {}
  for (const source of sources) {
    const value = source.value(moment)
    if (value !== undefined) (source.personal ? personal : readings)[source.path] = value
  }
  const identity = Identity.toText(Identity.sequenced("bench", seq))
  return {
    id: Identity.uuid(`${vin} ${identity}`),
    type: "TelemetryReceived",
    data: { at, session: "bench", seq, readings, ...(Object.keys(personal).length > 0 && { personal }) },
    metadata: { schema: 1, receivedAt: at, source: { kind: "mqtt", topic: `vehicles/${vin}/telemetry` }, identity },
  }
}

/** Of the message as it is stored, for who says what the load was. */
export const signalsAMessage = sources.length
