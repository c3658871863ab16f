/**
 * Live updates for any number of subscribers, at each one's pace: first what the read model has since a position, then
 * every change as it comes in. Fed by `Changes`; a batch costs little more than its changes' own subscribers.
 */
import { Array as Arr, Context, Effect, Layer, Stream } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { Position } from "../eventstore/position.ts"
import type { ReadModelUnavailable } from "../readmodel/errors.ts"
import { type AlertFilter, ReadModel } from "../readmodel/read-model.ts"
import { type AlertChange, AlertSubscriber } from "./alert-subscriber.ts"
import type { Backlog } from "./backlog.ts"
import { Changes, type Committed } from "./changes.ts"
import * as Metrics from "./metrics.ts"
import { pathFilter } from "./path-filter.ts"
import { changed, type VehicleChange, VehicleSubscriber } from "./vehicle-subscriber.ts"

export class LiveUpdates extends Context.Service<LiveUpdates, {
  /**
   * Changes of the vehicles given, or of all; of the signals given, or of anything. With `after`, each vehicle that
   * changed since comes first, marked as lagged. Does not end.
   */
  readonly vehicles: (options: {
    readonly vins: ReadonlyArray<string> | undefined
    readonly paths: ReadonlyArray<string> | undefined
    readonly after: Position | undefined
  }) => Stream.Stream<VehicleChange, ReadModelUnavailable>
  /** Alerts that match the filter, as they are after each change. Does not end. */
  readonly alerts: (options: {
    readonly filter: AlertFilter
    readonly after: Position | undefined
  }) => Stream.Stream<AlertChange, ReadModelUnavailable>
  /** How many of these streams are open. */
  readonly active: Effect.Effect<number>
}>()("vehicle-twin/live/LiveUpdates") {}

/** As many vehicles or alerts may wait for one subscriber; with more it goes back to the read model. */
const defaultCapacity = 10_000
const catchUpPage = 200

const make = Effect.fnUntraced(function*(options: { readonly catalogue: Catalogue; readonly capacity?: number }) {
  const changes = yield* Changes
  const readModel = yield* ReadModel
  const services = yield* Effect.context<never>()
  const { catalogue, capacity = defaultCapacity } = options

  const ofAll = new Set<VehicleSubscriber>()
  const byVin = new Map<string, Set<VehicleSubscriber>>()
  const ofAlerts = new Set<AlertSubscriber>()
  /** Up to here changes were offered. Unknown until the first batch, or the first subscriber. */
  let position: Position | undefined
  let active = 0

  yield* changes.listen((committed: Committed) => {
    const since = position
    position = committed.position
    if (since === undefined) return
    if (committed.after > since) {
      for (const subscribers of [ofAll, ...byVin.values(), ofAlerts]) {
        for (const { backlog } of subscribers) backlog.lose(since)
      }
    }
    // What was in the read model when the position was read from there is nothing new, though it is published after.
    let passedOver = 0
    if (ofAll.size > 0 || byVin.size > 0) {
      for (const { before, after } of committed.vehicles) {
        const of = byVin.get(after.vin)
        if ((of === undefined && ofAll.size === 0) || after.position <= since) continue
        const change = changed(before, after)
        for (const subscriber of ofAll) passedOver += subscriber.offer(change, since)
        if (of !== undefined) for (const subscriber of of) passedOver += subscriber.offer(change, since)
      }
    }
    for (const { after } of committed.alerts) {
      if (after.position > since) for (const subscriber of ofAlerts) subscriber.offer(after, since)
    }
    if (passedOver > 0) Metrics.signalsPassedOver.updateUnsafe(passedOver, services)
  })
  const whereWeAre = Effect.gen(function*() {
    if (position !== undefined) return position
    const stored = yield* readModel.position
    position ??= stored
    return position
  })

  const counted = (change: number) => {
    active += change
    Metrics.activeSubscriptions.updateUnsafe(active, services)
  }

  /** Listens first and then reads, so that nothing falls between; what came in meanwhile and was read is told once. */
  const follow = <Row extends { readonly position: string }, Change>(
    subscriber: Subscriber<Row, Change>,
    begin: () => () => void,
    after: Position | undefined,
    changedAfter: (position: Position) => Effect.Effect<ReadonlyArray<Row>, ReadModelUnavailable>,
  ): Stream.Stream<Change, ReadModelUnavailable> => {
    let behind = after
    let target: Position | undefined
    const pull = Effect.gen(function*() {
      while (true) {
        const lost = subscriber.backlog.takeLost()
        if (lost !== undefined) {
          behind ??= lost
          target = undefined
        }
        if (behind === undefined) {
          const change = subscriber.take(yield* whereWeAre)
          if (change !== undefined) return told([change])
          yield* subscriber.backlog.arrival
          continue
        }
        target ??= yield* readModel.position
        const rows = yield* changedAfter(behind)
        const last = rows.at(-1)?.position as Position | undefined
        behind = last === undefined || rows.length < catchUpPage || last >= target ? undefined : last
        const page = rows.map((row) => subscriber.tell(row)).filter((change) => change !== undefined)
        if (Arr.isArrayNonEmpty(page)) return told(page)
      }
    })
    const open = Effect.acquireRelease(
      Effect.sync(() => {
        counted(1)
        return begin()
      }),
      (end) =>
        Effect.sync(() => {
          end()
          counted(-1)
        }),
    )
    return Stream.unwrap(Effect.as(open, Stream.fromPull(Effect.succeed(pull))))
  }

  const told = <A>(page: Arr.NonEmptyArray<A>) => {
    Metrics.changesTold.updateUnsafe(page.length, services)
    return page
  }

  return LiveUpdates.of({
    vehicles: ({ vins, paths, after }) =>
      Stream.unwrap(Effect.map(whereWeAre, (position) => {
        const subscriber = new VehicleSubscriber({
          catalogue,
          wants: pathFilter(paths),
          wantsMore: paths === undefined,
          position: after ?? position,
          capacity,
        })
        return follow(
          subscriber,
          () => vins === undefined ? addTo(ofAll, subscriber) : addByVin(byVin, vins, subscriber),
          after,
          (behind) => readModel.vehiclesChangedAfter(behind, { ...(vins && { vins }), limit: catchUpPage }),
        )
      })),
    alerts: ({ filter, after }) =>
      Stream.unwrap(Effect.map(whereWeAre, (position) => {
        const subscriber = new AlertSubscriber({ filter, position: after ?? position, capacity })
        return follow(
          subscriber,
          () => addTo(ofAlerts, subscriber),
          after,
          (behind) => readModel.alertsChangedAfter(behind, { filter, limit: catchUpPage }),
        )
      })),
    active: Effect.sync(() => active),
  })
})

interface Subscriber<Row, Change> {
  readonly backlog: Pick<Backlog<unknown>, "takeLost" | "arrival">
  readonly take: (upTo: Position) => Change | undefined
  readonly tell: (row: Row) => Change | undefined
}

const addTo = <A>(set: Set<A>, subscriber: A) => {
  set.add(subscriber)
  return () => void set.delete(subscriber)
}

const addByVin = <A>(index: Map<string, Set<A>>, vins: ReadonlyArray<string>, subscriber: A) => {
  for (const vin of vins) {
    const set = index.get(vin)
    if (set === undefined) index.set(vin, new Set([subscriber]))
    else set.add(subscriber)
  }
  return () => {
    for (const vin of vins) {
      const set = index.get(vin)
      set?.delete(subscriber)
      if (set?.size === 0) index.delete(vin)
    }
  }
}

/** `capacity` bounds what waits for one subscriber; the default is meant for production. */
export const layer = (options: {
  readonly catalogue: Catalogue
  readonly capacity?: number
}): Layer.Layer<LiveUpdates, never, Changes | ReadModel> => Layer.effect(LiveUpdates, make(options))
