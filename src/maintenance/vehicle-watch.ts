/** What the reactor has of one vehicle in memory: a watch for each model, and what came last. */
import { Result, Schema } from "effect"
import * as Alert from "../../domain/maintenance/alert.ts"
import { type ComponentModel, covers, type Observed } from "../../domain/maintenance/model.ts"
import * as Watch from "../../domain/maintenance/watch.ts"

/** Something said once, that nothing contradicted for so long, is believed without being said again. */
const silenceConfirmsMs = 24 * 3_600_000

const told = Schema.Literals(["unknown", "well", "drive_on", "service_soon", "stop"])

const Stored = Schema.fromJsonString(Schema.Struct({
  revision: Schema.Int,
  eventId: Schema.String,
  brand: Schema.optionalKey(Schema.String),
  /** Of the models that are left out below, as they have folded nothing. */
  told,
  watches: Schema.Record(
    Schema.String,
    Schema.Struct({
      version: Schema.String,
      state: Schema.Record(Schema.String, Schema.Unknown),
      told,
      leaning: Schema.NullOr(told),
      streak: Schema.Int,
    }),
  ),
}))

const decodeStored = Schema.decodeUnknownResult(Stored)

/** A model that threw, which none should. It is passed over for that once, and its state stays as it was. */
export interface ModelFailure {
  readonly vin: string
  /** Of the vehicle's record that it threw on, or after which a deadline passed. */
  readonly revision: number
  readonly model: string
  readonly cause: unknown
}

export interface Outcome {
  /** There is something to store. */
  readonly changed: boolean
  readonly news: ReadonlyArray<Alert.Command>
  readonly failures: ReadonlyArray<ModelFailure>
}

export class VehicleWatch {
  readonly vin: string
  /** Of the newest record that concerned a model; −1 where there was none. */
  revision = -1
  eventId = ""
  brand: string | undefined
  deadline: number | null = null
  /** By component. */
  watches: Record<string, Watch.Watch> = {}

  readonly #models: ReadonlyArray<ComponentModel>
  readonly #told: Watch.Told

  constructor(vin: string, models: ReadonlyArray<ComponentModel>, told: Watch.Told) {
    this.vin = vin
    this.#models = models
    this.#told = told
    for (const model of models) this.watches[model.component] = Watch.begin(model, told)
  }

  /** From its JSON; undefined where that is damaged. */
  static restore(
    vin: string,
    models: ReadonlyArray<ComponentModel>,
    json: string,
    deadline: number | null,
  ): VehicleWatch | undefined {
    const stored = decodeStored(json)
    if (stored._tag === "Failure") return undefined
    const restored = new VehicleWatch(vin, models, stored.success.told)
    restored.revision = stored.success.revision
    restored.eventId = stored.success.eventId
    restored.brand = stored.success.brand
    restored.deadline = deadline
    restored.watches = { ...restored.watches, ...stored.success.watches }
    return restored
  }

  toJson(): string {
    const { brand, eventId, revision } = this
    const watches: Record<string, Watch.Watch> = {}
    for (const model of this.#models) {
      const watch = this.watches[model.component]
      if (watch === undefined || (watch.state === model.initial && watch.told === this.#told)) continue
      watches[model.component] = watch
    }
    return JSON.stringify({ revision, eventId, brand, told: this.#told, watches })
  }

  /** Folds a record that is newer than all before, by the models that it concerns. */
  record(observed: Observed, concerned: ReadonlyArray<ComponentModel>, quiet: boolean): Outcome {
    const { receivedAt: at, record } = observed
    const { event, revision } = record
    const cause: Alert.Cause = { eventId: event.id, revision, at, deadline: false, brand: event.metadata.brand }
    const news: Array<Alert.Command> = []
    const failures: Array<ModelFailure> = []
    let changed = false
    if (event.type === "ServiceRecorded") {
      const { component, kind } = event.data
      if (!quiet && kind !== "updated") {
        news.push({ _tag: "ServiceDone", component, at: Date.parse(event.data.at), cause })
        this.#resolved(component)
      }
    }
    for (const model of concerned) {
      const before = this.watches[model.component]
      if (before === undefined) continue
      const step = this.#attempt(model, revision, failures, () => Watch.evolve(model, before, observed))
      if (step === undefined || step.watch === before) continue
      changed = true
      this.watches[model.component] = quiet ? { ...step.watch, told: "unknown", leaning: null, streak: 0 } : step.watch
      if (step.news !== undefined) news.push({ _tag: "Assess", model, assessment: step.news, cause })
    }
    if (changed || news.length > 0) {
      this.revision = revision
      this.eventId = event.id
      this.brand = event.metadata.brand
      this.deadline = this.#nextDeadline(at, true, failures)
    }
    return { changed, news: quiet ? [] : news, failures }
  }

  /** A deadline has passed. */
  pass(now: number): Outcome {
    const { brand, eventId, revision } = this
    const cause: Alert.Cause = { eventId, revision, at: now, deadline: true, brand }
    const news: Array<Alert.Command> = []
    const failures: Array<ModelFailure> = []
    for (const model of this.#models) {
      const before = this.watches[model.component]
      if (before === undefined) continue
      const step = this.#attempt(model, revision, failures, () => Watch.pass(model, before, now))
      if (step === undefined) continue
      this.watches[model.component] = step.watch
      if (step.news !== undefined) news.push({ _tag: "Assess", model, assessment: step.news, cause })
    }
    this.deadline = this.#nextDeadline(now, false, failures)
    return { changed: true, news, failures }
  }

  /** What the decider answered is how things stand. */
  told(alerts: Alert.State): void {
    for (const model of this.#models) {
      const watch = this.watches[model.component]
      const told = alerts.open[model.component]?.urgency ?? "well"
      if (watch !== undefined && watch.told !== told) this.watches[model.component] = { ...watch, told }
    }
  }

  /** What the decider will answer, most likely; `told` says what it did. */
  #resolved(component: string): void {
    for (const model of this.#models) {
      const watch = this.watches[model.component]
      if (watch !== undefined && covers(component, model.component)) {
        this.watches[model.component] = { ...watch, told: "well", leaning: null, streak: 0 }
      }
    }
  }

  #nextDeadline(after: number, waitForSilence: boolean, failures: Array<ModelFailure>): number | null {
    let next = Infinity
    for (const model of this.#models) {
      const watch = this.watches[model.component]
      if (watch === undefined) continue
      const deadline = this.#attempt(model, this.revision, failures, () => model.deadline(watch.state, after))
      next = Math.min(next, deadline ?? Infinity)
      const leansDown = watch.leaning !== null && watch.leaning !== "well"
      if (waitForSilence && leansDown) next = Math.min(next, after + silenceConfirmsMs)
    }
    return next === Infinity ? null : next
  }

  #attempt<A>(
    { name }: ComponentModel,
    revision: number,
    failures: Array<ModelFailure>,
    call: () => A,
  ): A | undefined {
    const result = Result.try(call)
    if (Result.isSuccess(result)) return result.success
    failures.push({ vin: this.vin, revision, model: name, cause: result.failure })
    return undefined
  }
}
