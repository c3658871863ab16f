/**
 * Whether the vehicle has crashed. An emergency: told at once, at the first sign, and over only when somebody has seen to
 * it, which a service record of `safety.crash` says; a look is enough, `inspected`. A vehicle that drives on, or says no
 * more of it, has not been seen to.
 *
 * Signs: an airbag that went off; the telematics unit's own word (`Vehicle.Twin.Safety`), also that of an emergency call;
 * a trouble code that tells of deployment or of a crash; and acceleration in the plane of the road. A flag counts when it
 * is first heard, and again only after it was heard to be off, or the vehicle was repaired; how late that is does not
 * matter, nor what the clock says: a crash that the vehicle could only tell hours later is told then, with its time.
 * Signs within ten minutes are of one crash, and so is a sign that goes on. A later one is another, and news although
 * the first is open; so is the first sign of a crash after an emergency call, which may have been for something else.
 */
import type { EventOf, StoredReading } from "../../vehicle/events.ts"
import { type Assessment, type ComponentModel, type Observed, renews } from "../model.ts"
import { type Reported, reportedOf, timeReported } from "./reported.ts"
import { airbagPaths, spanOf } from "./situation.ts"

/** In m/s², in the plane of the road; upwards it is potholes and kerbs. */
const longitudinalPath = "Vehicle.Acceleration.Longitudinal"
const lateralPath = "Vehicle.Acceleration.Lateral"

const crashPath = "Vehicle.Twin.Safety.IsCrashDetected"
const rolloverPath = "Vehicle.Twin.Safety.IsRolloverDetected"
const callPath = "Vehicle.Twin.Safety.IsEmergencyCallActive"
const flagPaths = [...airbagPaths, crashPath, rolloverPath, callPath]

const g = 9.806_65
/**
 * Four times gravity. Tyres give about one, so that no braking or cornering comes near; the change of speed that
 * event data recorders must keep, 8 km/h in 150 ms (49 CFR 563.9), is a mean of 1.5 g, with a peak of 2.4 g if it is a
 * half sine; an offset impact at 56 km/h (UN R94) has a mean above 10 g. Trackers that are fastened to the vehicle
 * commonly take 1 to 4 g; this is the end that gives the fewest false alarms, since airbags tell of the rest.
 */
const crashAcceleration = 4 * g
/** More than a car's body has in any crash test: a sensor at its end. */
const absurdAcceleration = 200 * g

/**
 * Deployment commanded (B0052, and with loop faults B0053, as GM's restraint modules set them), and the names that
 * telematics platforms give to such an event where there is no code.
 */
const crashCode = /^(?:B005[23]|CRASH|COLLISION|ROLLOVER|AIRBAG_DEPLOYED|ECALL)(?:[-_:].*)?$/i

const sameCrashMs = 10 * 60_000
/** Of one crash so many are kept. */
const maxSigns = 12

type Sign = {
  /** A path, or a trouble code. */
  readonly name: string
  /** The highest acceleration, m/s², to a tenth; null of other signs. */
  readonly value: number | null
  /** Epoch ms. */
  readonly at: number
  readonly event: string
}

type Crash = {
  /** Of the first sign to come, epoch ms, by the vehicle's clock where `isDated`, else of receipt. */
  readonly at: number
  readonly isDated: boolean
  readonly receivedAt: number
  /** Of the newest sign, to the minute. */
  readonly until: number
  readonly signs: ReadonlyArray<Sign>
}

export type CrashState = {
  /** Flags that were heard, by path: since when, and when they were off after that; epoch ms. */
  readonly flags: { readonly [path: string]: { readonly since: number; readonly offAt: number | null } }
  readonly crash: Crash | null
  /** When somebody had seen to it last, epoch ms. */
  readonly seenToAt: number | null
}

const initial: CrashState = { flags: {}, crash: null, seenToAt: null }

const component = "safety.crash"

const evolve = (state: CrashState, observed: Observed): CrashState => {
  const { event } = observed.record
  switch (event.type) {
    case "TelemetryReceived":
      return telemetry(state, observed, event)
    case "TroubleCodeRaised": {
      const { code } = event.data
      if (!crashCode.test(code)) return state
      return withSign(state, observed, code, { value: true, ...timeReported(observed.at, observed.receivedAt) }, null)
    }
    case "ServiceRecorded":
      return renews(event.data, component) ? seenTo(state, observed.at, event.data.kind !== "inspected") : state
    default:
      return state
  }
}

const telemetry = (before: CrashState, observed: Observed, { data }: EventOf<"TelemetryReceived">): CrashState => {
  if (isCalm(before, data.readings)) return before
  let state = before
  for (const path of flagPaths) {
    if (data.readings[path] === undefined) continue
    const reported = reportedOf(data, path, observed)
    if (reported?.value === true) state = withFlag(state, observed, path, reported)
    else if (reported?.value === false) state = withoutFlag(state, path, reported.at)
  }
  if (data.readings[longitudinalPath] === undefined && data.readings[lateralPath] === undefined) return state
  const longitudinal = reportedOf(data, longitudinalPath, observed)
  const lateral = reportedOf(data, lateralPath, observed)
  const reported = longitudinal ?? lateral
  const value = Math.hypot(numberOf(longitudinal), numberOf(lateral))
  if (reported === undefined || !(value >= crashAcceleration && value <= absurdAcceleration)) return state
  return withSign(state, observed, "acceleration", reported, Math.round(value * 10) / 10)
}

type Readings = EventOf<"TelemetryReceived">["data"]["readings"]

/** As nearly all messages are: it says nothing new, whatever its times. */
const isCalm = ({ flags }: CrashState, readings: Readings): boolean => {
  for (const path of flagPaths) {
    const stored = readings[path]
    if (stored !== undefined && (stored !== false || flags[path] !== undefined)) return false
  }
  return isGentle(readings[longitudinalPath]) && isGentle(readings[lateralPath])
}

/** Less than so much in each direction is less than the line in the plane. */
const gentle = crashAcceleration / 2

const isGentle = (stored: StoredReading | undefined): boolean =>
  stored === undefined || (typeof stored === "number" && Math.abs(stored) < gentle)

const numberOf = (reported: Reported | undefined): number => typeof reported?.value === "number" ? reported.value : 0

const withFlag = (state: CrashState, observed: Observed, path: string, reported: Reported): CrashState => {
  const { at } = reported
  const known = state.flags[path]
  if (known !== undefined && (at <= known.since || known.offAt === null || at <= known.offAt)) return state
  const flags = { ...state.flags, [path]: { since: at, offAt: null } }
  return withSign({ ...state, flags }, observed, path, reported, null)
}

const withoutFlag = (state: CrashState, path: string, at: number): CrashState => {
  const known = state.flags[path]
  if (known === undefined || at <= known.since || (known.offAt !== null && at >= known.offAt)) return state
  return { ...state, flags: { ...state.flags, [path]: { since: known.since, offAt: at } } }
}

const withSign = (
  state: CrashState,
  { receivedAt, record: { event: { id: event } } }: Observed,
  name: string,
  { at, isDated }: Reported,
  value: number | null,
): CrashState => {
  const { crash, seenToAt } = state
  if (seenToAt !== null && at <= seenToAt) return state
  const sign = { name, value, at, event }
  const known = crash?.signs.find((one) => one.name === name)
  if (crash === null || isAnother(crash, known, sign)) {
    return { ...state, crash: { at, isDated, receivedAt, until: at, signs: [sign] } }
  }
  // Of one before that there is an alert already.
  if (at < crash.at - sameCrashMs) return state
  const until = at - crash.until >= 60_000 ? at : crash.until
  const isWorse = known !== undefined && value !== null && value > (known.value ?? 0)
  const isNew = known === undefined && crash.signs.length < maxSigns
  if (!isNew && !isWorse && until === crash.until) return state
  const signs = isNew
    ? [...crash.signs, sign]
    : isWorse ? crash.signs.map((one) => one === known ? sign : one) : crash.signs
  return { ...state, crash: { ...crash, until, signs } }
}

/** A sensor that is stuck goes on without end, and hides nothing that comes later. */
const isAnother = ({ at, signs, until }: Crash, known: Sign | undefined, sign: Sign): boolean =>
  sign.at > (known === undefined ? at : until) + sameCrashMs
  || (sign.at > at && known === undefined && signs.every(isCall))

const isCall = ({ name }: Sign): boolean => name === callPath

/** What is repaired may go off again; what was looked at is as it was. */
const seenTo = (state: CrashState, at: number, isRepaired: boolean): CrashState => {
  if (state.seenToAt !== null && at < state.seenToAt) return state
  const isOpen = state.crash !== null && state.crash.until > at
  return { flags: isRepaired ? {} : state.flags, crash: isOpen ? state.crash : null, seenToAt: at }
}

/** How sure a sign is, and what it is called. */
const meaningOf = ({ name, value }: Sign): { readonly confidence: number; readonly text: string } => {
  if (name === "acceleration") {
    const times = ((value ?? 0) / g).toFixed(1)
    return { confidence: 0.6, text: `${value} m/s² (${times} g) in the plane of the road` }
  }
  if (name === crashPath) return { confidence: 0.95, text: "the vehicle has detected a crash" }
  if (name === rolloverPath) return { confidence: 0.95, text: "the vehicle has rolled over" }
  if (name === callPath) return { confidence: 0.9, text: "an emergency call goes out" }
  const [, row, side] = /Seat\.Row(\d)\.(\w+)\.Airbag/.exec(name) ?? []
  if (row !== undefined) return { confidence: 0.99, text: `airbag deployed, row ${row}, ${sideOf(side)}` }
  return { confidence: 0.95, text: `code ${name}` }
}

const sideOf = (side: string | undefined): string =>
  side === "DriverSide" ? "driver's side" : side === "PassengerSide" ? "passenger's side" : "middle"

/** What comes in later than this was kept by the vehicle. */
const lateMs = 60_000

const assess = ({ crash, seenToAt }: CrashState): Assessment | undefined => {
  if (crash === null) {
    return seenToAt === null ? undefined : {
      score: 100,
      confidence: 0.9,
      evidence: [{ text: `Seen to on ${minuteText(seenToAt)}; no sign of a crash since`, events: [] }],
      urgency: "drive_on",
      recommendedAction: "Drive on",
      summary: "No crash",
    }
  }
  const surest = crash.signs
    .map((sign) => ({ sign, ...meaningOf(sign) }))
    .toSorted((a, b) => b.confidence - a.confidence)
  const [first] = surest
  const lateBy = crash.receivedAt - crash.at
  const when = !crash.isDated
    ? "when it was received, since the vehicle's clock is wrong"
    : `at ${secondText(crash.at)} by the vehicle's clock`
      + (lateBy > lateMs ? `, received ${spanOf(lateBy)} later` : "")
  return {
    score: 0,
    confidence: first?.confidence ?? 0,
    evidence: [
      ...surest.map(({ sign: { event }, text }) => ({ text: `${text[0]?.toUpperCase()}${text.slice(1)}`, events: [event] })),
      { text: `It happened ${when}`, events: [] },
    ],
    urgency: "stop",
    recommendedAction: "Call the vehicle; if nobody answers, send the emergency services to its position. Then record an "
      + "inspection of safety.crash, which ends this alert",
    summary: `${crash.signs.every(isCall) ? "Emergency call" : "Crash"}: ${first?.text ?? ""}`
      + (lateBy > lateMs ? `, ${spanOf(lateBy)} before it was received` : ""),
    occurredAt: crash.at,
  }
}

const secondText = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`
const minuteText = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`

export const crash: ComponentModel<CrashState> = {
  component,
  name: "crash",
  version: "1",
  signals: [...flagPaths, longitudinalPath, lateralPath],
  events: ["TroubleCodeRaised"],
  predicts: "Nothing: it tells that the vehicle has crashed",
  horizon: "At once",
  horizonDays: 0,
  source: "Thresholds by 49 CFR 563.9 (event data recorders) and UN R94 (frontal impact)",
  raiseAt: 20,
  recoverAt: 90,
  confirmations: 1,
  emergency: true,
  initial,
  evolve,
  assess,
  deadline: () => undefined,
}
