/**
 * Trouble codes of a part of the vehicle, by how severe they are, whether they stand, and how often they came back.
 *
 * A critical code that stands wants a workshop, or where it is of the chassis, a stop. A warning does when it was raised
 * three times in 30 days, or stood for a week. What merely informs is told and never alarms. A code that was cleared
 * counts until the vehicle was driven on three more days without it, as a warning lamp goes out after three driving
 * cycles: a parked vehicle proves nothing.
 */
import type { EventOf } from "../../vehicle/events.ts"
import { numberOf } from "../../vehicle/good-reading.ts"
import type { Evidence, Urgency } from "../alerts/alert-events.ts"
import { type Assessment, type ComponentModel, type Observed, renews } from "../model.ts"
import { dayMs, minuteMs, minuteText } from "./score-line.ts"

type Severity = EventOf<"TroubleCodeRaised">["data"]["severity"]

type Code = {
  readonly code: string
  readonly ecu: string
  readonly severity: Severity
  readonly text: string
  /** Device times, epoch ms, of the newest raisings, ascending. */
  readonly raised: ReadonlyArray<number>
  /** Since when it stands, if it does, and device time of the newest clearing; 0: never. */
  readonly since: number
  readonly clearedAt: number
  /** Of the newest event. */
  readonly event: string
  /** So many days driven since it was cleared. */
  readonly days: number
}

export type TroubleCodesState = {
  readonly codes: ReadonlyArray<Code>
  /** The newest day on which the vehicle was driven with a code known, in days since 1970. */
  readonly drivenOn: number
  /** Device time, epoch ms. */
  readonly servicedAt: number
}

const systems = [
  { letter: "P", component: "diagnostics.powertrain", name: "Powertrain" },
  { letter: "C", component: "diagnostics.chassis", name: "Chassis" },
  { letter: "B", component: "diagnostics.body", name: "Body" },
  { letter: "U", component: "diagnostics.network", name: "Network" },
  { letter: undefined, component: "diagnostics.other", name: "Other" },
] as const
type System = (typeof systems)[number]

/** SAE J2012: a letter and four hexadecimal digits, with or without a failure type of two more. */
const j2012 = /^([PCBU])[0-9A-F]{4}(?:[-:]?[0-9A-F]{2})?$/iu

const isOf = (code: string, { letter }: System): boolean => j2012.exec(code.trim())?.[1]?.toUpperCase() === letter

const speedPath = "Vehicle.Speed"
const drivingKmh = 10
const recurringMs = 30 * dayMs
const recurringTimes = 3
const standingMs = 7 * dayMs
/** California's OBD II, 13 CCR 1968.2: the lamp goes out after three driving cycles in a row without the fault. */
const goodDays = 3
const codesKept = 12
const raisingsKept = 6
const textKept = 120

const raiseAt = 40
const recoverAt = 70

const initial: TroubleCodesState = { codes: [], drivenOn: 0, servicedAt: 0 }

const isStanding = ({ clearedAt, raised }: Code): boolean => (raised.at(-1) ?? 0) > clearedAt

const evolveOf = (system: System) =>
  (state: TroubleCodesState, { at, receivedAt, record: { event } }: Observed): TroubleCodesState => {
    switch (event.type) {
      case "ServiceRecorded":
        return renews(event.data, system.component) && at > state.servicedAt
          ? {
            ...state,
            codes: state.codes.filter((known) => Math.max(known.raised.at(-1) ?? 0, known.clearedAt) > at),
            servicedAt: at,
          }
          : state
      case "TelemetryReceived":
        return state.codes.length === 0 ? state : driven(state, event.data, at, receivedAt)
      case "TroubleCodeRaised":
      case "TroubleCodeCleared":
        return isOf(event.data.code, system) && at > state.servicedAt && at <= receivedAt + minuteMs
          ? told(state, event, at)
          : state
      default:
        return state
    }
  }

const driven = (
  state: TroubleCodesState,
  data: EventOf<"TelemetryReceived">["data"],
  messageAt: number,
  receivedAt: number,
): TroubleCodesState => {
  const speed = numberOf(data, speedPath, messageAt)
  if (speed === undefined || speed.value < drivingKmh || speed.at > receivedAt + minuteMs) return state
  const day = Math.floor(speed.at / dayMs)
  if (day <= state.drivenOn) return state
  const codes = state.codes.flatMap((known): ReadonlyArray<Code> => {
    if (isStanding(known) || known.clearedAt > speed.at) return [known]
    const isForgotten = known.days >= goodDays && speed.at - (known.raised.at(-1) ?? 0) > recurringMs
    return isForgotten ? [] : [known.days >= goodDays ? known : { ...known, days: known.days + 1 }]
  })
  return { ...state, codes, drivenOn: day }
}

const told = (
  state: TroubleCodesState,
  { data, id, type }: EventOf<"TroubleCodeRaised"> | EventOf<"TroubleCodeCleared">,
  at: number,
): TroubleCodesState => {
  const ecu = data.ecu ?? ""
  const known = state.codes.find((one) => one.code === data.code && one.ecu === ecu)
  const others = state.codes.filter((one) => one !== known)
  if (type === "TroubleCodeCleared") {
    if (known === undefined || at <= known.clearedAt || at < (known.raised.at(-1) ?? 0)) return state
    return { ...state, codes: [...others, { ...known, clearedAt: at, days: 0, event: id }] }
  }
  if (known?.raised.includes(at) === true) return state
  const raised = [...known?.raised ?? [], at].toSorted((a, b) => a - b).slice(-raisingsKept)
  const isNewest = raised.at(-1) === at
  const clearedAt = known?.clearedAt ?? 0
  const stood = known === undefined || known.since <= clearedAt ? Infinity : known.since
  const since = at > clearedAt ? Math.min(stood, at) : known?.since ?? at
  const next: Code = known !== undefined && !isNewest ? { ...known, raised, since } : {
    code: data.code,
    ecu,
    severity: data.severity,
    text: (data.text ?? known?.text ?? "").slice(0, textKept),
    raised,
    since,
    clearedAt,
    event: id,
    days: 0,
  }
  return { ...state, codes: kept([...others, next]) }
}

/** Those that stand before those cleared, the newest last: what is too many goes from the front. */
const kept = (codes: ReadonlyArray<Code>): ReadonlyArray<Code> =>
  codes.length <= codesKept
    ? codes
    : codes.toSorted((a, b) => Number(isStanding(a)) - Number(isStanding(b)) || newestOf(a) - newestOf(b))
      .slice(-codesKept)

const newestOf = ({ clearedAt, raised }: Code): number => Math.max(clearedAt, raised.at(-1) ?? 0)

interface Verdict {
  readonly known: Code
  readonly score: number
  readonly urgency: Urgency
  readonly why: string
}

const timesOf = ({ raised }: Code, at: number): number => raised.filter((time) => at - time <= recurringMs).length

const verdictOf = (known: Code, at: number, { letter }: System): Verdict => {
  const times = timesOf(known, at)
  const stands = isStanding(known)
  const { since } = known
  const isOver = !stands && known.days >= goodDays
  const often = times > 1 ? `, raised ${times} times in 30 days` : ""
  const why = stands
    ? `stands since ${minuteText(since)}${often}`
    : `cleared ${minuteText(known.clearedAt)}${often}, driven ${known.days} days since`
  const verdict = (score: number, urgency: Urgency): Verdict => ({ known, score, urgency, why })
  const isRecurring = times >= recurringTimes
  switch (known.severity) {
    case "critical":
      if (stands) return verdict(isRecurring ? 5 : 10, letter === "C" ? "stop" : "service_soon")
      return isRecurring ? verdict(30, "service_soon") : verdict(isOver ? 90 : 55, "drive_on")
    case "warning":
      if (isRecurring) return verdict(stands ? 25 : 35, "service_soon")
      if (stands) return verdict(at - since >= standingMs ? raiseAt : 60, "drive_on")
      return verdict(isOver ? 95 : 65, "drive_on")
    case "info":
      return verdict(stands || !isOver ? 85 : 100, "drive_on")
  }
}

const named = ({ code, ecu, text }: Code): string =>
  `${code}${ecu === "" ? "" : ` (${ecu})`}${text === "" ? "" : ` ${text}`}`

const evidenceOf = ({ known, why }: Verdict): Evidence => ({
  text: `${named(known)}: ${known.severity}, ${why}`,
  events: [known.event],
})

const mostTold = 3

const assessOf = (system: System) => ({ codes }: TroubleCodesState, at: number): Assessment | undefined => {
  const verdicts = codes.map((known) => verdictOf(known, at, system)).toSorted((a, b) => a.score - b.score)
  const [worst] = verdicts
  if (worst === undefined) return undefined
  const { known, score, urgency } = worst
  const isAlarm = score <= raiseAt
  return {
    score,
    confidence: 0.9,
    evidence: verdicts.slice(0, mostTold).map(evidenceOf),
    urgency,
    recommendedAction: urgency === "stop"
      ? `Stop where it is safe and have ${known.code} looked at before driving on`
      : isAlarm
      ? `Book a diagnosis of ${known.code}${known.ecu === "" ? "" : ` at ${known.ecu}`}`
      : "None",
    summary: `${system.name}: ${named(known)} ${isStanding(known) ? "stands" : "was cleared"}`,
  }
}

const deadline = ({ codes }: TroubleCodesState, after: number): number | undefined => {
  let next = Infinity
  for (const known of codes) {
    if (known.severity !== "warning" || !isStanding(known)) continue
    const due = known.since + standingMs
    if (due > after) next = Math.min(next, due)
  }
  return next === Infinity ? undefined : next
}

export const troubleCodes: ReadonlyArray<ComponentModel<TroubleCodesState>> = systems.map((system) => ({
  component: system.component,
  name: "trouble-codes",
  version: "1",
  signals: [speedPath],
  events: ["TroubleCodeRaised", "TroubleCodeCleared"],
  predicts: "Faults that the vehicle has found itself, and which of them come back",
  horizon: "None: the fault is there",
  horizonDays: 30,
  source: "Codes: SAE J2012. Cleared after three driving cycles without the fault: 13 CCR 1968.2, for warning lamps",
  raiseAt,
  recoverAt,
  confirmations: 1,
  initial,
  evolve: evolveOf(system),
  assess: assessOf(system),
  deadline,
}))
