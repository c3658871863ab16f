/** A fleet in memory behind the real API: every service that the API asks, on one small log. */
import { Context, Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { HttpServer } from "effect/http"
import { catalogue } from "../../domain/signals/catalogue.ts"
import type { SignalValue } from "../../domain/signals/signal.ts"
import { AlertNotFound, AlertRevisionConflict } from "../../domain/maintenance/alerts/alert-commands.ts"
import type { Urgency } from "../../domain/maintenance/alerts/alert-events.ts"
import * as Decide from "../../domain/vehicle/decide.ts"
import { streamOf, type VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import type { Observation } from "../../domain/vehicle/observation.ts"
import * as State from "../../domain/vehicle/state.ts"
import type { Twin } from "../../domain/vehicle/twin.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import type { AlertRow } from "../../projections/alerts.ts"
import { type HealthRow, urgencyAt } from "../../projections/health.ts"
import { type Counts, countNames, nothing, reporting, type ReportingRow } from "../../projections/reporting.ts"
import type { TripRow } from "../../projections/trips.ts"
import { minutesFrom } from "../../projections/history.ts"
import { vehicles as vehiclesProjection, type VehicleRow } from "../../projections/vehicles.ts"
import * as Http from "../../src/api/http.ts"
import type { DeadLetterOffice } from "../../src/deadletters/dead-letter-office.ts"
import { EventStoreUnavailable } from "../../src/eventstore/errors.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { Changes, type Committed } from "../../src/live/changes.ts"
import * as ChangesInProcess from "../../src/live/changes-in-process.ts"
import { LiveUpdates, layer as liveUpdates } from "../../src/live/live-updates.ts"
import { Alerts } from "../../src/maintenance/alerts.ts"
import type { Notifications } from "../../src/notify/notifications.ts"
import type { NotificationRules } from "../../src/notify/rules.ts"
import { Readiness } from "../../src/readiness.ts"
import { ReadModelUnavailable } from "../../src/readmodel/errors.ts"
import { alertMatches } from "../../src/live/alert-filter.ts"
import { type ListedAlerts, type Page, ReadModel, type RiskFilter, type RiskGrouping, type Slice } from "../../src/readmodel/read-model.ts"
import { VehicleNotFound, VehicleUnavailable } from "../../src/vehicles/errors.ts"
import { Past } from "../../src/vehicles/past.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { officeAlone } from "../support/dead-letters.ts"
import { HistoryRows } from "../support/history-rows.ts"
import { notificationsAlone } from "../support/notifications.ts"

type Key = ReadonlyArray<string | number | null>

const compare = (a: Key, b: Key, descending: boolean): number => {
  for (const [i, x] of a.entries()) {
    const y = b[i]
    if (x === y) continue
    if (x === null || x === undefined) return 1
    if (y === null || y === undefined) return -1
    return (x < y ? -1 : 1) * (descending ? -1 : 1)
  }
  return 0
}

const slice = <Row>(rows: ReadonlyArray<Row>, key: (row: Row) => Key, descending: boolean, page: Page): Slice<Row> => {
  const { after, before, limit } = page
  const all = rows
    .map((row) => ({ row, key: key(row) }))
    .filter((_) => after === undefined || compare(_.key, after, descending) > 0)
    .filter((_) => before === undefined || compare(_.key, before, descending) < 0)
    .toSorted((a, b) => compare(a.key, b.key, descending))
  const taken = page.backwards ? all.slice(-limit) : all.slice(0, limit)
  return { rows: taken, hasMore: all.length > taken.length }
}

const summed = (rows: ReadonlyArray<Counts>): Counts => ({
  ...nothing,
  ...Object.fromEntries(countNames.map((name) => [name, rows.reduce((sum, row) => sum + row[name], 0)])),
})

/** Valid, all different: the number stands at the end. */
export const vinOf = (n: number): Vin => `LSVAA49J1320${String(n).padStart(5, "0")}` as Vin

export class World {
  readonly states = new Map<string, State.State>()
  readonly rows = new Map<string, VehicleRow>()
  readonly streams = new Map<string, Array<RecordedEvent>>()
  readonly health: Array<HealthRow> = []
  readonly trips: Array<TripRow> = []
  readonly histories = new Map<string, HistoryRows>()
  /** By VIN, in the order of the days. */
  readonly reports = new Map<string, ReadonlyArray<ReportingRow>>()
  readonly alerts = new Map<string, AlertRow>()
  /** Names of the read model's methods, as they were called. */
  readonly calls: Array<string> = []
  position = 0
  /** What fails now. */
  broken: "read model" | "event store" | "vehicles" | "bug" | undefined
  /** Vehicles that cannot be reached. */
  unreachable: ReadonlySet<string> = new Set()
  ready: Effect.Effect<void, Error> = Effect.void
  publish: (committed: Committed) => void = () => undefined
  #told = 0

  /** Appends what a vehicle makes of what is observed, and lets the read model have it. */
  observe(vin: string, ...observations: ReadonlyArray<Observation>): void {
    const before = this.rows.get(vin)
    for (const observation of observations) {
      const decision = Decide.observe(this.state(vin), observation, "open")
      if (decision._tag === "Accepted") this.append(vin, decision.events)
    }
    this.commit(vin, before)
  }

  /** One message with these readings, received when it was made. */
  telemetry(vin: string, values: Record<string, SignalValue>, at = Date.now()): void {
    this.observe(vin, {
      _tag: "Telemetry",
      identity: Identity.byId(`${++this.#messages}`),
      at,
      receivedAt: at,
      source: { kind: "mqtt" },
      reissued: false,
      readings: Object.entries(values).map(([path, value]) => ({ path, value, at, quality: "GOOD", personal: false })),
    })
  }
  #messages = 0

  presence(vin: string, online: boolean, at = Date.now()): void {
    this.observe(vin, { _tag: "Presence", online, session: "boot-1", at, receivedAt: at, source: { kind: "mqtt" } })
  }

  alert(vin: string, id: string, change: Partial<AlertRow> = {}): AlertRow {
    const before = this.alerts.get(id)
    const position = fromNumber(++this.position)
    const alert: AlertRow = {
      vin,
      id,
      brand: null,
      component: "brakes.front",
      state: "open",
      urgency: "service_soon",
      score: 20,
      model: "wear",
      modelVersion: "1",
      summary: "The front brakes are worn",
      recommendedAction: "Replace the pads",
      evidence: [{ text: "20 % left", events: [] }],
      confidence: 0.8,
      remaining: null,
      emergency: false,
      occurredAt: null,
      situation: {},
      personal: {},
      raisedAt: 1_000 + this.position,
      updatedAt: 1_000 + this.position,
      acknowledgedAt: null,
      acknowledgedBy: null,
      assignedTo: null,
      snoozedUntil: null,
      note: null,
      resolvedAt: null,
      ...before,
      ...change,
      revision: (before?.revision ?? -1) + 1,
      position,
    }
    this.alerts.set(id, alert)
    this.#tell({ vehicles: [], alerts: [{ before, after: alert }] })
    return alert
  }

  trip(vin: string, startAt: number): void {
    this.trips.push({
      vin,
      startAt,
      endAt: startAt + 60_000,
      distanceKm: 1.5,
      maxSpeed: 50,
      startLatitude: 31.2,
      startLongitude: 121.4,
      endLatitude: null,
      endLongitude: null,
      startPositionAt: startAt,
      endPositionAt: null,
      startSoc: 80,
      endSoc: 79,
      startSocAt: startAt,
      endSocAt: startAt,
      runs: [],
      position: fromNumber(this.position),
    })
  }

  scored(vin: string, component: string, rest: Partial<HealthRow> = {}): void {
    this.health.push({
      vin,
      component,
      score: 90,
      model: "wear",
      modelVersion: "1",
      risk: 5,
      priority: 5,
      worst: false,
      urgency: "drive_on",
      summary: "Fares well",
      recommendedAction: "Drive on",
      confidence: 0.8,
      evidence: [{ text: "as new", events: ["e-1"] }],
      failsAt: null,
      failsFrom: null,
      failsTo: null,
      computedAt: 1_000,
      position: fromNumber(this.position),
      state: {},
      ...rest,
    })
  }

  state(vin: string): State.State {
    return this.states.get(vin) ?? State.initial(vin)
  }

  append(vin: string, events: ReadonlyArray<VehicleEvent>): void {
    const stream = this.streams.get(streamOf(vin)) ?? []
    this.streams.set(streamOf(vin), stream)
    for (const event of events) {
      const revision = stream.length
      const position = fromNumber(++this.position)
      stream.push({
        id: event.id,
        type: event.type,
        data: event.data,
        metadata: event.metadata,
        stream: streamOf(vin),
        revision,
        position,
        created: Date.now(),
      })
      this.states.set(vin, State.evolve(this.state(vin), event, revision))
      const row = this.rows.get(vin)
      const record = { _tag: "Vehicle", vin, revision, position, event } as const
      const [next] = vehiclesProjection.evolve(vin, row ? [row] : [], record)
      if (next) this.rows.set(vin, next)
      const reports = this.reports.get(vin) ?? []
      const changed = reporting.evolve(vin, reports.slice(-1), record).toSorted((a, b) => a.day - b.day)
      this.reports.set(vin, [...reports.slice(0, -1), ...changed])
      const history = this.histories.get(vin) ?? new HistoryRows()
      this.histories.set(vin, history)
      history.fold(vin, [record])
    }
  }

  commit(vin: string, before: VehicleRow | undefined): void {
    const after = this.rows.get(vin)
    if (after === undefined || after === before) return
    this.#tell({ vehicles: [{ before, after }], alerts: [] })
  }

  #tell(changes: Pick<Committed, "vehicles" | "alerts">): void {
    const after = fromNumber(this.#told)
    this.#told = this.position
    this.publish({ after, position: fromNumber(this.position), ...changes })
  }

  #reading<A>(name: string, read: () => A): Effect.Effect<A, ReadModelUnavailable> {
    return Effect.suspend(() => {
      this.calls.push(name)
      if (this.broken === "bug") throw new TypeError("secret: undefined is not a function")
      if (this.broken !== "read model") return Effect.succeed(read())
      return Effect.fail(new ReadModelUnavailable({ operation: name, cause: "secret: connection refused" }))
    })
  }

  readonly readModel: ReadModel["Service"] = {
    vehiclesByVin: (vins) =>
      this.#reading("vehiclesByVin", () =>
        new Map(vins.flatMap((vin): Array<[string, VehicleRow]> => {
          const row = this.rows.get(vin)
          return row ? [[vin, row]] : []
        }))),
    vehicles: (filter, { by, descending }, page) =>
      this.#reading("vehicles", () =>
        slice(this.#matching(filter), (row) => by === "vin" ? [row.vin] : [row[by], row.vin], descending, page)),
    countVehicles: (filter) => this.#reading("countVehicles", () => this.#matching(filter).length),
    vehiclesChangedAfter: (position, { vins, limit }) =>
      this.#reading("vehiclesChangedAfter", () =>
        [...this.rows.values()]
          .filter((row) => row.position > position && (vins?.includes(row.vin) ?? true))
          .toSorted((a, b) => a.position < b.position ? -1 : 1)
          .slice(0, limit)),
    healthByVin: (vins) =>
      this.#reading("healthByVin", () => Map.groupBy(this.health.filter((_) => vins.includes(_.vin)), (_) => _.vin)),
    risks: (filter, page) =>
      this.#reading("risks", () =>
        slice(
          this.#risks(filter),
          (_) => filter.components ? [_.priority, _.vin, _.component] : [_.priority, _.vin],
          true,
          page,
        )),
    countRisks: (filter) => this.#reading("countRisks", () => this.#risks(filter).length),
    failureOutlook: (range, by, filter) =>
      this.#reading("failureOutlook", () => {
        const rows = this.#risks({ components: this.health.map(({ component }) => component), ...filter })
        const week = (time: number | null) => time === null ? Infinity : Math.floor((time - range.from) / 604_800_000) + 1
        const count = (times: ReadonlyArray<number | null>) =>
          Array.from({ length: range.weeks + 1 }, (_, i) => times.filter((time) => Math.max(0, week(time)) === i).length)
        return Array.from(Map.groupBy(rows, (row) => this.#group(by, row)), ([group, own]) => ({
          group,
          expected: count(own.map(({ failsAt }) => failsAt)),
          beginning: count(own.map(({ failsFrom }) => failsFrom)),
          ending: count(own.map(({ failsTo }) => failsTo)),
        }))
      }),
    riskSummary: (by, part) =>
      this.#reading("riskSummary", () => {
        const count = (urgencies: ReadonlyArray<Urgency>) => {
          const of = (urgency: Urgency) => urgencies.filter((one) => one === urgency).length
          return { drive_on: of("drive_on"), service_soon: of("service_soon"), stop: of("stop") }
        }
        const alerts = this.#alerts({}).filter(({ state }) => state !== "resolved")
        const pastLine = this.#risks(part).filter(({ priority }) => priority > 100)
        return Array.from(Map.groupBy(this.#matching(part), (row) => this.#group(by, { ...row, component: "" })), ([group, own]) => {
          const isOwn = ({ vin }: { readonly vin: string }) => own.some((row) => row.vin === vin)
          return {
            group,
            vehicles: own.length,
            atRisk: count(pastLine.filter(isOwn).map(({ priority }) => urgencyAt(priority))),
            alerts: count(alerts.filter(isOwn).map(({ urgency }) => urgency)),
          }
        })
      }),
    tripsByVin: (vins, page) =>
      this.#reading("tripsByVin", () =>
        new Map(vins.map((vin) => [vin, slice(this.trips.filter((_) => _.vin === vin), (_) => [_.startAt], true, page)]))),
    countTripsByVin: (vins) =>
      this.#reading("countTripsByVin", () => new Map(vins.map((vin) => [vin, this.trips.filter((_) => _.vin === vin).length]))),
    history: (vins, { bucketMs, from, to }) =>
      this.#reading("history", () =>
        new Map(vins.map((vin) => [vin, this.histories.get(vin)?.read(bucketMs, from, to) ?? []]))),
    minutesFrom: (vins) =>
      this.#reading("minutesFrom", () =>
        new Map(vins.flatMap((vin): Array<[string, number]> => {
          const newest = this.histories.get(vin)?.newest
          return newest === undefined ? [] : [[vin, minutesFrom(newest.startAt)]]
        }))),
    reportingByVin: (vins) =>
      this.#reading("reportingByVin", () =>
        new Map(vins.flatMap((vin): Array<[string, ReportingRow]> => {
          const newest = this.reports.get(vin)?.at(-1)
          return newest ? [[vin, newest]] : []
        }))),
    qualityByVin: (vins) =>
      this.#reading("qualityByVin", () => new Map(vins.map((vin) => [vin, summed(this.reports.get(vin) ?? [])]))),
    qualityByBrand: () =>
      this.#reading("qualityByBrand", () => {
        const byBrand = Map.groupBy([...this.reports.values()].flat(), ({ brand }) => brand)
        return Array.from(byBrand, ([brand, rows]) => ({ brand, vehicleDays: rows.length, counts: summed(rows) }))
      }),
    quiet: (quiet, limit) =>
      this.#reading("quiet", () =>
        [...this.reports.values()].flatMap((rows) => {
          const { lastSeenAt, limitMs, revision, rhythmMs, state, vin } = rows.at(-1) ?? {}
          if (!vin || !state || !lastSeenAt || !limitMs || revision === undefined) return []
          if (!quiet.some((one) => one.limitMs === limitMs && lastSeenAt <= one.since)) return []
          return [{ vin, state, lastSeenAt, limitMs, revision, rhythmMs: rhythmMs ?? undefined }]
        }).slice(0, limit)),
    alerts: (filter, { descending }, page) =>
      this.#reading("alerts", () => slice(this.#listed(filter), (_) => [_.raisedAt, _.id], descending, page)),
    countAlerts: (filter) => this.#reading("countAlerts", () => this.#listed(filter).length),
    alertsById: (ids) =>
      this.#reading("alertsById", () => new Map([...this.alerts].filter(([id]) => ids.includes(id)))),
    alertsChangedAfter: (position, { filter, limit }) =>
      this.#reading("alertsChangedAfter", () =>
        this.#alerts(filter)
          .filter((_) => _.position > position)
          .toSorted((a, b) => a.position < b.position ? -1 : 1)
          .slice(0, limit)),
    position: this.#reading("position", () => fromNumber(this.position)),
  }

  #matching(filter: Parameters<ReadModel["Service"]["countVehicles"]>[0]): Array<VehicleRow> {
    return [...this.rows.values()].filter((row) =>
      (filter.vins?.includes(row.vin) ?? true) &&
      (filter.brands?.includes(row.brand ?? "") ?? true) &&
      (filter.depots?.includes(row.depot ?? "") ?? true) &&
      (filter.regions?.includes(row.region ?? "") ?? true) &&
      (filter.reporting === undefined || (row.reporting !== null && filter.reporting.includes(row.reporting))) &&
      (filter.online === undefined || filter.online === row.online)
    )
  }

  #risks(filter: RiskFilter): ReadonlyArray<HealthRow> {
    const vins = new Set(this.#matching(filter).map(({ vin }) => vin))
    return this.health.filter((row) =>
      vins.has(row.vin) &&
      (filter.components?.includes(row.component) ?? row.worst) &&
      (filter.urgencies?.includes(urgencyAt(row.priority)) ?? true) &&
      row.risk >= (filter.minRisk ?? 0)
    )
  }

  #group(by: RiskGrouping, { component, vin }: { readonly component: string; readonly vin: string }): string | null {
    return by === "component" ? component : this.rows.get(vin)?.[by] ?? null
  }

  #alerts(filter: Parameters<ReadModel["Service"]["countAlerts"]>[0]): Array<AlertRow> {
    return [...this.alerts.values()].filter((alert) => alertMatches(filter, alert))
  }

  #listed({ depots, regions, ...filter }: ListedAlerts): Array<AlertRow> {
    if (depots === undefined && regions === undefined) return this.#alerts(filter)
    const part = this.#matching({ ...(depots && { depots }), ...(regions && { regions }) })
    return this.#alerts(filter).filter(({ vin }) => part.some((row) => row.vin === vin))
  }

  #stream(stream: string, read: (events: ReadonlyArray<RecordedEvent>) => ReadonlyArray<RecordedEvent>) {
    if (this.broken !== "event store") return Stream.fromIterable(read(this.streams.get(stream) ?? []))
    return Stream.fail(new EventStoreUnavailable({ operation: "read", cause: "secret" }))
  }

  readonly eventStore: EventStore["Service"] = {
    append: () => Effect.die("not used"),
    read: (stream, { from = 0, limit = Infinity } = {}) =>
      this.#stream(stream, (events) => events.filter((_) => _.revision >= from).slice(0, limit)),
    readBackwards: (stream, { from = Infinity, limit = Infinity } = {}) =>
      this.#stream(stream, (events) => events.filter((_) => _.revision <= from).toReversed().slice(0, limit)),
    revision: (stream) => Effect.sync(() => (this.streams.get(stream)?.length ?? 0) - 1),
    readAll: () => Stream.empty,
    subscribeAll: () => Stream.never,
    head: Effect.sync(() => fromNumber(this.position)),
    truncate: () => Effect.void,
    deleteStream: () => Effect.void,
  }

  #vehicle<A, E>(vin: string, act: Effect.Effect<A, E>) {
    if (this.broken !== "vehicles" && !this.unreachable.has(vin)) return act
    return Effect.fail(new VehicleUnavailable({ vin, cause: "secret" }))
  }

  readonly vehicles: Vehicles["Service"] = {
    observe: () => Effect.die("not used"),
    register: (vin, command) =>
      this.#vehicle(vin, Effect.suspend(() => {
        const decision = Decide.register(this.state(vin), command)
        if (decision._tag === "Failure") return Effect.fail(decision.failure)
        const before = this.rows.get(vin)
        this.append(vin, decision.success)
        this.commit(vin, before)
        return Effect.succeed(this.state(vin).twin)
      })),
    recordService: (vin, done, ifRevision) =>
      this.#vehicle(vin, Effect.suspend((): Effect.Effect<Twin, Decide.RevisionConflict | VehicleNotFound> => {
        const { twin } = this.state(vin)
        if (twin.revision < 0) return Effect.fail(new VehicleNotFound({ vin }))
        if (ifRevision !== undefined && ifRevision !== twin.revision) {
          return Effect.fail(new Decide.RevisionConflict({ vin, expected: ifRevision, actual: twin.revision }))
        }
        this.observe(vin, done)
        return Effect.succeed(this.state(vin).twin)
      })),
    lapse: (vin, lapse) =>
      this.#vehicle(vin, Effect.sync(() => {
        const before = this.rows.get(vin)
        this.append(vin, Decide.lapse(this.state(vin), lapse))
        this.commit(vin, before)
        return this.state(vin).twin
      })),
    current: (vin) => Effect.sync(() => Option.fromUndefinedOr(this.states.get(vin)?.twin)),
  }

  readonly planner: Alerts["Service"] = {
    tell: () => Effect.die("not used"),
    acknowledge: (vin, alertId, { by, note }, ifRevision) => {
      const acknowledged = { acknowledgedBy: by ?? null, note: note ?? null, acknowledgedAt: 5_000 }
      return this.#planned(vin, alertId, ifRevision, { state: "acknowledged", ...acknowledged })
    },
    assign: (vin, alertId, { to }, ifRevision) => this.#planned(vin, alertId, ifRevision, { assignedTo: to ?? null }),
    snooze: (vin, alertId, { until }, ifRevision) =>
      this.#planned(vin, alertId, ifRevision, { snoozedUntil: until ?? null }),
  }

  #planned(vin: string, alertId: string, ifRevision: number | undefined, change: Partial<AlertRow>) {
    return Effect.suspend((): Effect.Effect<AlertRow, AlertNotFound | AlertRevisionConflict> => {
      const alert = this.alerts.get(alertId)
      if (alert?.vin !== vin) return Effect.fail(new AlertNotFound({ vin, alertId }))
      if (ifRevision !== undefined && ifRevision !== alert.revision) {
        return Effect.fail(new AlertRevisionConflict({ vin, alertId, expected: ifRevision, actual: alert.revision }))
      }
      return Effect.succeed(this.alert(vin, alertId, change))
    })
  }
}

export interface Served {
  readonly world: World
  readonly url: string
  readonly active: () => number
  readonly stop: () => Promise<void>
}

/** The API over a world, on a free port. */
export const serve = async (
  { notifications, office, ...options }: {
    readonly capacity?: number
    readonly office?: Layer.Layer<DeadLetterOffice>
    readonly notifications?: Layer.Layer<Notifications | NotificationRules>
  } = {},
): Promise<Served> => {
  const world = new World()
  const log = Layer.succeed(EventStore, world.eventStore)
  const services = Layer.mergeAll(
    Layer.succeed(ReadModel, world.readModel),
    log,
    Past.layer.pipe(Layer.provide(log)),
    Layer.succeed(Vehicles, world.vehicles),
    Layer.succeed(Alerts, world.planner),
    office ?? officeAlone.pipe(Layer.provide(log)),
    notifications ?? notificationsAlone.pipe(Layer.provide(log)),
    Layer.succeed(Readiness, {
      checks: [
        { name: "log", check: Effect.void },
        { name: "broker", check: Effect.suspend(() => world.ready) },
      ],
    }),
  )
  const live = liveUpdates({ catalogue, ...options }).pipe(Layer.provideMerge(ChangesInProcess.layer))
  // Opened by an export alone.
  const noLog = { _tag: "Sqlite" as const, file: "no log", archive: "no archive" }
  const api = Http.layer({ host: "127.0.0.1", port: 0, catalogue, log: noLog, grace: "2 seconds" })
  const context = Layer.provideMerge(api, live).pipe(Layer.provideMerge(services))
  const scope = Scope.makeUnsafe()
  const built = await Effect.runPromise(Layer.buildWithScope(context, scope))
  const changes = Context.get(built, Changes)
  world.publish = (committed) => Effect.runSync(changes.publish(committed))
  const { address } = Context.get(built, HttpServer.HttpServer)
  return {
    world,
    url: HttpServer.formatAddress(address),
    active: () => Effect.runSync(Context.get(built, LiveUpdates).active),
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  }
}
