/**
 * A vehicle's history through one version of a model, as the reactor and the alerts' decider would have taken it: the
 * same watch, with deadlines passing between the records, and the same decisions. Pure; nothing is stored.
 */
import { Result } from "effect"
import * as Alert from "../../domain/maintenance/alerts/alert.ts"
import type { AlertEvent } from "../../domain/maintenance/alerts/alert-events.ts"
import type { Warning } from "../../domain/maintenance/backtest/backtest-verdict.ts"
import type { Assessment, ComponentModel, Observed } from "../../domain/maintenance/model.ts"
import { type ModelFailure, type Outcome, VehicleWatch } from "../maintenance/vehicle-watch.ts"

/** Hears what comes of the history, in its order. */
export interface Listener {
  readonly onRaised: (alertId: string, component: string, warning: Warning) => void
  readonly onEscalated: (alertId: string, warning: Warning) => void
  readonly onResolved: (alertId: string, at: number, reason: string) => void
  /** How a component stood at the end of a day on which something of the model was heard; time in epoch ms. */
  readonly onDay: (at: number, component: string, assessment: Assessment) => void
  readonly onFailure: (failure: ModelFailure) => void
}

const dayMs = 24 * 3_600_000

export class VehicleReplay {
  readonly #models: ReadonlyArray<ComponentModel>
  readonly #listener: Listener
  readonly #watch: VehicleWatch
  #alerts: Alert.State
  /** Receipt of the newest record that concerned the model, epoch ms. */
  #heardAt: number | undefined

  constructor(vin: string, models: ReadonlyArray<ComponentModel>, listener: Listener) {
    this.#models = models
    this.#listener = listener
    this.#watch = new VehicleWatch(vin, models, "well")
    this.#alerts = Alert.initial(vin)
  }

  /** @param concerned those of the models that the record concerns, at least one. */
  record(observed: Observed, concerned: ReadonlyArray<ComponentModel>): void {
    const { receivedAt } = observed
    const heardAt = this.#heardAt
    if (heardAt !== undefined && dayOf(receivedAt) > dayOf(heardAt)) this.#endDay(heardAt)
    this.#passUntil(receivedAt)
    this.#told(this.#watch.record(observed, concerned, false))
    this.#heardAt = Math.max(receivedAt, heardAt ?? receivedAt)
  }

  /** History ends there, epoch ms. */
  end(at: number): void {
    if (this.#heardAt !== undefined) this.#endDay(this.#heardAt)
    this.#passUntil(at)
  }

  /** What falls due before a time, as nothing came before it. */
  #passUntil(at: number): void {
    for (let { deadline } = this.#watch; deadline !== null && deadline < at;) {
      this.#told(this.#watch.pass(deadline))
      const next = this.#watch.deadline
      deadline = next !== null && next > deadline ? next : null
    }
  }

  #told({ failures, news }: Outcome): void {
    for (const failure of failures) this.#listener.onFailure(failure)
    if (news.length === 0) return
    for (const command of news) {
      for (const event of Alert.decide(this.#alerts, command)) {
        this.#alerts = Alert.evolve(this.#alerts, { event, revision: this.#alerts.revision + 1 })
        this.#tell(event, command._tag === "Assess" ? command.assessment : undefined)
      }
    }
    this.#watch.told(this.#alerts)
  }

  #tell({ data, metadata, type }: AlertEvent, assessment: Assessment | undefined): void {
    const at = Date.parse(metadata.receivedAt)
    if (type === "AlertResolved") this.#listener.onResolved(data.alertId, at, data.reason)
    if (assessment === undefined) return
    const { confidence, evidence, score, summary, urgency } = assessment
    const warning: Warning = { at, urgency, score, confidence, summary, evidence: evidence.map(({ text }) => text) }
    if (type === "AlertRaised") this.#listener.onRaised(data.alertId, data.component, warning)
    if (type === "AlertEscalated") this.#listener.onEscalated(data.alertId, warning)
  }

  #endDay(at: number): void {
    for (const model of this.#models) {
      const watch = this.#watch.watches[model.component]
      if (watch === undefined || watch.state === model.initial) continue
      // One that throws has thrown in the watch too, which says so.
      const assessment = Result.getOrUndefined(Result.try(() => model.assess(watch.state, at)))
      if (assessment !== undefined) this.#listener.onDay(at, model.component, assessment)
    }
  }
}

const dayOf = (at: number): number => Math.floor(at / dayMs)
