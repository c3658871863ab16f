/**
 * The alerts of each vehicle, as a service: the only writer of `maintenance-<VIN>`. Each command is decided against the
 * stream as it stands and appended at its revision; if another was quicker, it is decided anew.
 *
 * Alerts are few and commands rarer still, so the stream is read each time and nothing is kept.
 */
import { Clock, Context, Effect, Layer, Metric, Result, Schedule, Schema, Stream } from "effect"
import * as Alert from "../../domain/maintenance/alerts/alert.ts"
import * as Planner from "../../domain/maintenance/alerts/alert-commands.ts"
import {
  type AlertEvent,
  type AlertEventType,
  type AlertRecord,
  streamOf,
} from "../../domain/maintenance/alerts/alert-events.ts"
import { decode } from "../../domain/maintenance/alerts/alert-record.ts"
import type { UnreadableEvent } from "../../domain/vehicle/record.ts"
import { type AlertRow, alerts as projection } from "../../projections/alerts.ts"
import { WrongExpectedRevision } from "../eventstore/errors.ts"
import { EventStore, type RecordedEvent } from "../eventstore/event-store.ts"

/** The vehicle's alerts cannot be read or written. `isLasting`: trying again would change nothing. */
export class AlertsUnavailable extends Schema.TaggedError<AlertsUnavailable>()("AlertsUnavailable", {
  vin: Schema.String,
  isLasting: Schema.Boolean,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `The alerts of vehicle ${this.vin} cannot be reached: ${String(this.cause)}`
  }
}

/** The alert as it then is. Doing it twice is doing it once. */
type OfPlanner<Command, E> = (
  vin: string,
  alertId: string,
  options: { readonly [K in keyof Omit<Command, "alertId" | "ifRevision" | "now">]?: Command[K] },
  ifRevision?: number | undefined,
) => Effect.Effect<AlertRow, E | AlertsUnavailable>

export class Alerts extends Context.Service<Alerts, {
  /** For the reactor. Tells what was found, in this order; the alerts as they then are. Again does nothing. */
  readonly tell: (
    vin: string,
    commands: ReadonlyArray<Alert.Command>,
  ) => Effect.Effect<Alert.State, AlertsUnavailable>
  /** A planner takes an alert on. */
  readonly acknowledge: OfPlanner<Planner.Acknowledge, Planner.CommandError>
  /** A planner gives an alert to someone, or where `to` is left out to nobody any more. */
  readonly assign: OfPlanner<Planner.Assign, Planner.CommandError>
  /** A planner puts an alert off until a time, epoch ms, or where `until` is left out no longer. */
  readonly snooze: OfPlanner<Planner.Snooze, Planner.SnoozeError>
}>()("vehicle-twin/maintenance/Alerts") {}

/** Tries when others append at the same time. */
const onConflict = Schedule.exponential("5 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 8 }))

const counter = (type: string) =>
  Metric.counter("vehicle_twin_alerts_total", {
    description: "What became of alerts: raised, escalated, acknowledged, assigned, snoozed, resolved",
    attributes: { type },
    incremental: true,
  })

const counters: Readonly<Record<AlertEventType, Metric.Counter<number>>> = {
  AlertRaised: counter("raised"),
  AlertEscalated: counter("escalated"),
  AlertAcknowledged: counter("acknowledged"),
  AlertAssigned: counter("assigned"),
  AlertSnoozed: counter("snoozed"),
  AlertResolved: counter("resolved"),
}

interface Folded {
  readonly state: Alert.State
  readonly rows: ReadonlyArray<AlertRow>
}

const fold = ({ rows, state }: Folded, record: AlertRecord): Folded => ({
  state: Alert.evolve(state, record),
  rows: projection.evolve(record.vin, rows, record),
})

const foldPage = (folded: Folded, page: ReadonlyArray<RecordedEvent>): Effect.Effect<Folded, UnreadableEvent> => {
  for (const stored of page) {
    const record = decode(stored)
    if (Result.isFailure(record)) return Effect.fail(record.failure)
    // What a newer service wrote counts for the revision alone.
    folded = record.success === undefined
      ? { ...folded, state: { ...folded.state, revision: stored.revision } }
      : fold(folded, record.success)
  }
  return Effect.succeed(folded)
}

export const layer = Layer.effect(
  Alerts,
  Effect.gen(function*() {
    const store = yield* EventStore

    const load = Effect.fnUntraced(function*(vin: string) {
      const none: Folded = { state: Alert.initial(vin), rows: [] }
      return yield* store.read(streamOf(vin)).pipe(
        Stream.chunks,
        Stream.runFoldEffect(() => none, foldPage),
        Effect.mapError(unavailable(vin)),
      )
    })

    const write = Effect.fnUntraced(function*(vin: string, folded: Folded, events: ReadonlyArray<AlertEvent>) {
      if (events.length === 0) return folded
      const { revision } = folded.state
      const appended = yield* store.append(streamOf(vin), revision < 0 ? "no_stream" : revision, events).pipe(
        Effect.mapError((error) => error._tag === "WrongExpectedRevision" ? error : unavailable(vin)(error)),
      )
      let after = folded
      for (const [index, event] of events.entries()) {
        yield* Metric.update(counters[event.type], 1)
        const place = { revision: appended.revision - events.length + 1 + index, position: appended.position }
        after = fold(after, { _tag: "Alert", vin, event, ...place })
      }
      return after
    })

    const planned = <E>(
      vin: string,
      alertId: string,
      decide: (state: Alert.State, now: number) => Result.Result<ReadonlyArray<AlertEvent>, E>,
    ) =>
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const folded = yield* load(vin)
        const events = yield* Effect.fromResult(decide(folded.state, now))
        const { rows } = yield* write(vin, folded, events)
        const row = rows.find(({ id }) => id === alertId)
        return row ?? (yield* new Planner.AlertNotFound({ vin, alertId }))
      }).pipe(anewOnConflict(vin))

    return Alerts.of({
      tell: (vin, commands) =>
        load(vin).pipe(
          Effect.flatMap((folded) => write(vin, folded, decideAll(folded.state, commands))),
          Effect.map(({ state }) => state),
          anewOnConflict(vin),
        ),

      acknowledge: (vin, alertId, { by, note }, ifRevision) =>
        planned(vin, alertId, (state, now) => Planner.acknowledge(state, { alertId, by, note, ifRevision, now })),

      assign: (vin, alertId, { by, note, to }, ifRevision) =>
        planned(vin, alertId, (state, now) => Planner.assign(state, { alertId, to, by, note, ifRevision, now })),

      snooze: (vin, alertId, { by, note, until }, ifRevision) =>
        planned(vin, alertId, (state, now) => Planner.snooze(state, { alertId, until, by, note, ifRevision, now })),
    })
  }),
)

const unavailable = (vin: string) => (cause: { readonly _tag: string }) =>
  new AlertsUnavailable({ vin, isLasting: cause._tag !== "EventStoreUnavailable", cause })

const isConflict = (error: unknown): error is WrongExpectedRevision => error instanceof WrongExpectedRevision

const anewOnConflict = (vin: string) => <A, E>(effect: Effect.Effect<A, E | WrongExpectedRevision>) =>
  effect.pipe(
    Effect.retry({ schedule: onConflict, while: isConflict }),
    Effect.catchIf(isConflict, (cause) => Effect.fail(new AlertsUnavailable({ vin, isLasting: false, cause }))),
  )

const decideAll = (state: Alert.State, commands: ReadonlyArray<Alert.Command>): ReadonlyArray<AlertEvent> => {
  const events: Array<AlertEvent> = []
  for (const command of commands) {
    for (const event of Alert.decide(state, command)) {
      state = Alert.evolve(state, { event, revision: state.revision + 1 })
      events.push(event)
    }
  }
  return events
}
