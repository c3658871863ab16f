/**
 * A component model: a fold over a vehicle's records, and a score from what was folded. Pure; what time it is comes in.
 *
 * Models see every message of every vehicle, twice, so they are frugal. One that samples takes the first message of ten
 * minutes (`tenMinutesOf`), or where so much time would be too long, of a minute (`minuteOf`), so that those of a
 * vehicle change together and are stored together; it looks at the time before it reads a signal. What costs more than
 * a few multiplications is reckoned in `evolve` when an hour, a day or a charge ends, and kept in the state, never in
 * `assess`. A state is some hundred bytes, of a part with many cells a few thousand.
 */
import type { EventOf, VehicleEventType } from "../vehicle/events.ts"
import { timeOf } from "../vehicle/good-reading.ts"
import type { VehicleRecord } from "../vehicle/record.ts"
import type { Evidence, Urgency } from "./alerts/alert-events.ts"

/** JSON, so that it can be stored. */
export type ModelState = { readonly [key: string]: unknown }

export interface Assessment {
  /** 0 (failed) to 100 (as new). */
  readonly score: number
  /** 0 (nothing is known) to 1. */
  readonly confidence: number
  readonly evidence: ReadonlyArray<Evidence>
  /** What an alert of this score asks for. */
  readonly urgency: Urgency
  readonly recommendedAction: string
  /** One line: what is the matter, with the figure that says so. */
  readonly summary: string
  /** Until it fails, where the model can tell. */
  readonly remaining?: Remaining
  /**
   * When what it tells of happened, epoch ms, of what happens rather than wears. What happens again is news although an
   * alert is open of the time before.
   */
  readonly occurredAt?: number
}

/** Remaining useful life, in days from the time of the assessment, never negative. */
export interface Remaining {
  readonly days: number
  /** It lies between these in nine of ten cases; null: there is no telling how much longer it might be. */
  readonly low: number
  readonly high: number | null
}

/** A record as models read it. Its times are parsed once for all of them; epoch ms. */
export interface Observed {
  readonly record: VehicleRecord
  /** The message's device time, or when the service was done; other events: receipt. */
  readonly at: number
  readonly receivedAt: number
}

export const observe = (record: VehicleRecord): Observed => {
  const { data, metadata, type } = record.event
  const receivedAt = Date.parse(metadata.receivedAt)
  if (type === "TelemetryReceived") return { record, at: timeOf(data), receivedAt }
  return { record, at: "at" in data && data.at !== undefined ? Date.parse(data.at) : receivedAt, receivedAt }
}

export interface ComponentModel<State extends ModelState = ModelState> {
  /** Dotted from the whole to the part, as in a service record. No two models in service have the same. */
  readonly component: string
  readonly name: string
  /** Raise it when the state's shape or the formula changes. Alerts and scores say which version they are of. */
  readonly version: string
  /** The signals it reads. A message without any of them leaves state and score as they are. */
  readonly signals: ReadonlyArray<string>
  /** What it folds beside telemetry and service records. */
  readonly events?: ReadonlyArray<VehicleEventType>
  /** What it foretells, for how long ahead, and where its formula comes from. */
  readonly predicts: string
  readonly horizon: string
  /** The same as a number: a failure more days after an alert than this was not foretold by it. */
  readonly horizonDays: number
  readonly source: string
  /** An alert is raised at this score or below it… */
  readonly raiseAt: number
  /** …and resolved by recovery at this one or above it. Higher, so that a score between the two changes nothing. */
  readonly recoverAt: number
  /** Assessments in a row that a crossing takes: 1 where the model itself asks for enough before it moves its score. */
  readonly confirmations: number
  /** Its alert is for rescue, not for a workshop: it goes out at once, whatever the hour. */
  readonly emergency?: true
  readonly initial: State
  /** Total. The same object where nothing changes. */
  evolve(state: State, observed: Observed): State
  /**
   * The score at a time, epoch ms: the receipt time of the newest record, so that it depends on events alone; or that
   * of a deadline. Undefined while nothing is known.
   */
  assess(state: State, at: number): Assessment | undefined
  /** The next time after `after`, epoch ms, at which the urgency rises or the line is crossed if nothing comes in. */
  deadline(state: State, after: number): number | undefined
}

/** Below this, a score is too uncertain to raise an alert or to resolve one. */
export const minConfidence = 0.5

const minuteMs = 60_000

/** Of a time, epoch ms. */
export const minuteOf = (at: number): number => Math.floor(at / minuteMs)
/** The number of the ten minutes that a time, epoch ms, lies in: what wears is sampled once in each. */
export const tenMinutesOf = (at: number): number => Math.floor(at / (10 * minuteMs))

const none: ReadonlyArray<ComponentModel> = []

/** Models that a message may concern, as far as its paths have been looked at. */
interface Concerned {
  readonly models: ReadonlyArray<ComponentModel>
  /** After one more of the paths that models read. */
  readonly next: Map<string, Concerned>
}

/** Sets of models that are kept: more than a fleet's messages differ by. */
const maxConcerned = 1_024

/**
 * Which models a record may concern, found by what the record has rather than by asking each model. Messages are much
 * alike, so the way from path to path is kept: the next message takes one look-up a path.
 */
export class Interests {
  readonly #models: ReadonlyArray<ComponentModel>
  readonly #byPath = new Map<string, ReadonlyArray<ComponentModel>>()
  readonly #byType = new Map<string, ReadonlyArray<ComponentModel>>()
  readonly #known = new Map<string, Concerned>()
  #start: Concerned = { models: none, next: new Map() }

  constructor(models: ReadonlyArray<ComponentModel>) {
    this.#models = models
    for (const path of new Set(models.flatMap(({ signals }) => signals))) {
      this.#byPath.set(path, models.filter(({ signals }) => signals.includes(path)))
    }
    for (const type of new Set(models.flatMap(({ events }) => events ?? []))) {
      this.#byType.set(type, models.filter(({ events }) => events?.includes(type)))
    }
    this.#byType.set("ServiceRecorded", models)
  }

  /** In the order in which the models were given. */
  of({ event }: Pick<VehicleRecord, "event">): ReadonlyArray<ComponentModel> {
    if (event.type !== "TelemetryReceived") return this.#byType.get(event.type) ?? none
    let concerned = this.#start
    for (const path in event.data.readings) concerned = concerned.next.get(path) ?? this.#step(concerned, path)
    return concerned.models
  }

  #step(from: Concerned, path: string): Concerned {
    const more = this.#byPath.get(path)
    if (more === undefined) return from
    const models = this.#models.filter((model) => from.models.includes(model) || more.includes(model))
    const key = models.map((model) => this.#models.indexOf(model)).join()
    let next = this.#known.get(key)
    if (next === undefined) {
      if (this.#known.size >= maxConcerned) {
        this.#known.clear()
        this.#start = { models: none, next: new Map() }
      }
      next = { models, next: new Map() }
      this.#known.set(key, next)
    }
    from.next.set(path, next)
    return next
  }
}

/** `brakes` covers `brakes.front`; `vehicle` is the regular service, and covers only itself. */
export const covers = (serviced: string, component: string): boolean =>
  component === serviced || component.startsWith(`${serviced}.`)

/** Whether work was done that makes what is known of the component a thing of the past. New software does not. */
export const renews = ({ component, kind }: EventOf<"ServiceRecorded">["data"], of: string): boolean =>
  kind !== "updated" && covers(component, of)

const urgencies: ReadonlyArray<Urgency> = ["drive_on", "service_soon", "stop"]

export const isMoreUrgent = (urgency: Urgency, than: Urgency): boolean =>
  urgencies.indexOf(urgency) > urgencies.indexOf(than)
