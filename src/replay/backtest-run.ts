/** One version of a model, over all vehicles of a history. Pure. */
import { Forecasts, type Calibration } from "../../domain/maintenance/backtest/backtest-calibration.ts"
import { concerns, type Failure, isBroken, isForetold, type Repair } from "../../domain/maintenance/backtest/backtest-failure.ts"
import { RemainingForecasts, type RemainingLife } from "../../domain/maintenance/backtest/backtest-remaining.ts"
import { judge, type ReplayedAlert, type Verdict } from "../../domain/maintenance/backtest/backtest-verdict.ts"
import { type Assessment, Interests, type Observed, renews } from "../../domain/maintenance/model.ts"
import { type ModelVersion, nameOf } from "../../domain/maintenance/backtest/model-choice.ts"
import type { ModelFailure } from "../maintenance/vehicle-watch.ts"
import { type Listener, VehicleReplay } from "./backtest-vehicle.ts"

const dayMs = 24 * 3_600_000
const dayOf = (at: number): number => Math.floor(at / dayMs)

/** A component's score at the end of a day. */
export interface ScorePoint {
  /** Epoch ms. */
  readonly at: number
  readonly score: number
  readonly confidence: number
}

/** A component's scores, day by day. */
export interface Trace {
  readonly vin: string
  readonly component: string
  readonly points: Array<ScorePoint>
}

export interface VersionReport {
  readonly model: string
  readonly predicts: string
  readonly source: string
  readonly horizonDays: number
  /** An alert is raised at this score or below. */
  readonly raiseAt: number
  readonly verdict: Verdict
  readonly calibration: Calibration | null
  readonly remaining: RemainingLife | null
  readonly traces: ReadonlyArray<Trace>
  /** Records on which the model threw, and the first of them. */
  readonly threw: number
  readonly firstThrown: ModelFailure | undefined
}

/** Traces are kept of vehicles with failures; where none are known, of so many vehicles. */
const maxTraced = 500

type OpenAlert = { -readonly [K in keyof ReplayedAlert]: ReplayedAlert[K] }

interface Heard {
  readonly replay: VehicleReplay
  /** Days since 1970, of the newest that counts. */
  day: number
}

export interface RunOptions {
  /** Undefined where none are known, which is not the same as that there were none. */
  readonly failures: ReadonlyArray<Failure> | undefined
  /** Alerts and failures count from this time on, epoch ms; models fold what came before too. */
  readonly from: number | undefined
}

export class Run {
  readonly #version: ModelVersion
  readonly #failures: ReadonlyMap<string, ReadonlyArray<Failure>> | undefined
  readonly #from: number
  readonly #horizonDays: number
  readonly #interests: Interests
  readonly #vehicles = new Map<string, Heard>()
  readonly #alerts: Array<OpenAlert> = []
  readonly #open = new Map<string, OpenAlert>()
  readonly #repairs = new Map<string, Array<Repair>>()
  readonly #forecasts = new Forecasts()
  readonly #remaining = new RemainingForecasts()
  readonly #traces = new Map<string, Trace>()
  readonly #traced = new Set<string>()
  readonly #thrown: Array<ModelFailure> = []
  #threw = 0
  #vehicleDays = 0

  constructor(version: ModelVersion, { failures, from = -Infinity }: RunOptions) {
    this.#version = version
    this.#failures = failures && Map.groupBy(failures, ({ vin }) => vin)
    this.#from = from
    this.#horizonDays = Math.max(...version.models.map(({ horizonDays }) => horizonDays))
    this.#interests = new Interests(version.models)
  }

  add(observed: Observed): void {
    const { receivedAt, record } = observed
    const concerned = this.#interests.of(record)
    if (concerned.length === 0) return
    const { event, vin } = record
    let vehicle = this.#vehicles.get(vin)
    if (vehicle === undefined) {
      const replay = new VehicleReplay(vin, this.#version.models, this.#listener(vin))
      this.#vehicles.set(vin, vehicle = { replay, day: -Infinity })
    }
    if (event.type === "ServiceRecorded" && concerned.some(({ component }) => renews(event.data, component))) {
      const repair = { component: event.data.component, at: observed.at }
      const repairs = this.#repairs.get(vin)
      if (repairs === undefined) this.#repairs.set(vin, [repair])
      else repairs.push(repair)
    }
    if (receivedAt >= this.#from && dayOf(receivedAt) > vehicle.day) {
      this.#vehicleDays++
      vehicle.day = dayOf(receivedAt)
    }
    vehicle.replay.record(observed, concerned)
  }

  report(from: number, end: number): VersionReport {
    for (const { replay } of this.#vehicles.values()) replay.end(end)
    const { models } = this.#version
    const replayed = {
      components: models.map(({ component }) => component),
      horizonDays: this.#horizonDays,
      alerts: this.#alerts.toSorted((a, b) => a.raised.at - b.raised.at),
      repairs: this.#repairs,
      vehicleDays: this.#vehicleDays,
      vehicles: new Set(this.#vehicles.keys()),
    }
    const failures = this.#failures && [...this.#failures.values()].flat()
    const [first] = models
    return {
      model: nameOf(this.#version),
      predicts: first?.predicts ?? "",
      source: first?.source ?? "",
      horizonDays: this.#horizonDays,
      raiseAt: first?.raiseAt ?? 0,
      verdict: judge(replayed, failures, { from, end }),
      calibration: failures === undefined ? null : this.#forecasts.calibration(end, this.#horizonDays),
      remaining: this.#remaining.figures,
      traces: [...this.#traces.values()],
      threw: this.#threw,
      firstThrown: this.#thrown[0],
    }
  }

  #listener(vin: string): Listener {
    const failures = this.#failures?.get(vin) ?? []
    const isTraced = this.#failures === undefined ? this.#traced.size < maxTraced : failures.length > 0
    if (isTraced) this.#traced.add(vin)
    return {
      onRaised: (id, component, raised) => {
        const alert: OpenAlert = { vin, component, raised, escalations: [], resolved: undefined }
        this.#alerts.push(alert)
        this.#open.set(id, alert)
      },
      onEscalated: (id, warning) => {
        const alert = this.#open.get(id)
        if (alert !== undefined) alert.escalations = [...alert.escalations, warning]
      },
      onResolved: (id, at, reason) => {
        const alert = this.#open.get(id)
        if (alert !== undefined) alert.resolved = { at, reason }
        this.#open.delete(id)
      },
      onDay: (at, component, assessment) => {
        if (isTraced) this.#trace(vin, component, at, assessment)
        if (this.#failures !== undefined && at >= this.#from) this.#forecast(vin, failures, component, at, assessment)
      },
      onFailure: (failure) => {
        if (this.#threw++ === 0) this.#thrown.push(failure)
      },
    }
  }

  #trace(vin: string, component: string, at: number, { confidence, score }: Assessment): void {
    const key = `${vin} ${component}`
    let trace = this.#traces.get(key)
    if (trace === undefined) this.#traces.set(key, trace = { vin, component, points: [] })
    trace.points.push({ at, score, confidence })
  }

  #forecast(vin: string, failures: ReadonlyArray<Failure>, component: string, at: number, told: Assessment): void {
    const repairs = this.#repairs.get(vin) ?? []
    // A component that has failed can no more be foretold to.
    if (isBroken(failures, repairs, component, at, this.#horizonDays)) return
    const fails = failures.some((failure) =>
      isForetold({ ...failure, from: undefined }, repairs, component, at, this.#horizonDays)
    )
    this.#forecasts.add(at, (1 - told.score / 100) * told.confidence, fails)
    const next = failures
      .filter((failure) => concerns(failure, component) && failure.at > at)
      .reduce((soonest, failure) => Math.min(soonest, failure.at), Infinity)
    if (told.remaining !== undefined && next !== Infinity) this.#remaining.add(told.remaining, (next - at) / dayMs)
  }
}
