/** What the reactor has of one vehicle in memory: a watch for each model, and what came last. */
import { Result, Schema } from "effect"
import * as Alert from "../../domain/maintenance/alerts/alert.ts"
import { type ComponentModel, covers, type Observed } from "../../domain/maintenance/model.ts"
import * as Watch from "../../domain/maintenance/watch.ts"

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
      deadline: Schema.NullOr(Schema.Finite),
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
        this.#resolved(component, at, failures)
      }
    }
    for (const model of concerned) {
      const before = this.watches[model.component]
      if (before === undefined) continue
      const step = this.#attempt(model, revision, failures, () => {
        const step = Watch.evolve(model, before, observed)
        return quiet && step.watch !== before
          ? { watch: Watch.settle(model, step.watch, "unknown", at), news: undefined }
          : step
      })
      if (step === undefined || step.watch === before) continue
      changed = true
      this.watches[model.component] = step.watch
      if (step.news !== undefined) news.push({ _tag: "Assess", model, assessment: step.news, cause })
    }
    if (changed || news.length > 0) {
      this.revision = revision
      this.eventId = event.id
      this.brand = event.metadata.brand
      this.deadline = this.#nextDeadline()
    }
    return { changed, news: quiet ? [] : news, failures }
  }

  /** The deadline has passed: one of the models', or several. */
  pass(now: number): Outcome {
    const { brand, eventId, revision } = this
    const cause: Alert.Cause = { eventId, revision, at: now, deadline: true, brand }
    const news: Array<Alert.Command> = []
    const failures: Array<ModelFailure> = []
    for (const model of this.#models) {
      const before = this.watches[model.component]
      if (before === undefined) continue
      const step = this.#attempt(model, revision, failures, () => Watch.pass(model, before, now))
      // One that throws is not asked again until something comes in.
      this.watches[model.component] = step?.watch ?? { ...before, deadline: null }
      if (step?.news !== undefined) news.push({ _tag: "Assess", model, assessment: step.news, cause })
    }
    this.deadline = this.#nextDeadline()
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
  #resolved(component: string, at: number, failures: Array<ModelFailure>): void {
    for (const model of this.#models) {
      const watch = this.watches[model.component]
      if (watch === undefined || !covers(component, model.component)) continue
      const settled = this.#attempt(model, this.revision, failures, () => Watch.settle(model, watch, "well", at))
      if (settled !== undefined) this.watches[model.component] = settled
    }
  }

  #nextDeadline(): number | null {
    let next: number | null = null
    for (const component in this.watches) {
      const deadline = this.watches[component]?.deadline ?? null
      if (deadline !== null && (next === null || deadline < next)) next = deadline
    }
    return next
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
