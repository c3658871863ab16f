import { Effect, Stream } from "effect"
import type { Position } from "../eventstore/position.ts"
import type { AlertChange as AlertChangeShape } from "../live/alert-subscriber.ts"
import { LiveUpdates } from "../live/live-updates.ts"
import type { VehicleChange as VehicleChangeShape } from "../live/vehicle-subscriber.ts"
import { ReadModel } from "../readmodel/read-model.ts"
import { Alert, AlertFilter, toAlertFilter } from "./alert.ts"
import { builder } from "./builder.ts"
import type { ApiContext } from "./context.ts"
import { apiError } from "./errors.ts"
import { checkedList, checkedVin } from "./input.ts"
import { Signal } from "./signal.ts"
import { Vehicle } from "./vehicle.ts"

const cursorText = "Subscribe again `after` this and nothing is missed; what was told last may come again."

const VehicleChange = builder.objectRef<VehicleChangeShape>("VehicleChange").implement({
  description: "What changed of a vehicle since it was last told.",
  fields: (t) => ({
    cursor: t.expose("position", { type: "Cursor", description: cursorText }),
    vehicle: t.field({ type: Vehicle, description: "As it is after the change.", resolve: ({ twin }) => twin }),
    signals: t.field({
      type: [Signal],
      description: "Those that changed, with their latest values. None where only something else did: `online`.",
      resolve: ({ signals }) => [...signals].map(([path, state]) => ({ path, state })),
    }),
    lagged: t.exposeBoolean("lagged", {
      description:
        "Values in between may have been passed over: changes came faster than they were read, or while nobody read.",
    }),
  }),
})

const AlertChange = builder.objectRef<AlertChangeShape>("AlertChange").implement({
  description: "An alert that was raised or has changed.",
  fields: (t) => ({
    cursor: t.expose("position", { type: "Cursor", description: cursorText }),
    alert: t.field({ type: Alert, description: "As it is after the change.", resolve: ({ alert }) => alert }),
  }),
})

/** A cursor ahead of the read model is one of another log, or of this one before it was restored. */
const checkedCursor = async (cursor: Position | null | undefined, { run }: ApiContext) => {
  if (!cursor) return undefined
  const position = await run(ReadModel.use((_) => _.position))
  if (cursor <= position) return cursor
  throw apiError("CURSOR_TOO_OLD", "The cursor is not of this log as it is now; read everything again")
}

export const addSubscriptions = () => builder.subscriptionFields((t) => ({
  vehicleChanged: t.field({
    type: VehicleChange,
    description:
      "Changes of vehicles, told once queries show them. Numbers that change by less than their signal's deadband are "
      + "passed over. Who reads slower than changes come gets each signal's latest value, marked as lagged.",
    args: {
      vins: t.arg.stringList({ description: "Of these vehicles, at most 1,000; of all if not given." }),
      paths: t.arg.stringList({
        description: "Only changes of these signals; a branch stands for all below it. Of anything if not given.",
      }),
      after: t.arg({
        type: "Cursor",
        description: "First, with all its signals, each vehicle that changed since. From now on if not given.",
      }),
    },
    subscribe: async (_, args, context) => {
      const vins = args.vins ? checkedList("vins", args.vins).map(checkedVin) : undefined
      const paths = args.paths ? checkedList("paths", args.paths) : undefined
      const after = await checkedCursor(args.after, context)
      return context.iterate(live((_) => _.vehicles({ vins, paths, after })))
    },
    resolve: (change) => change,
  }),
  alertChanged: t.field({
    type: AlertChange,
    description: "Alerts as they are raised and change, told once queries show them.",
    args: {
      filter: t.arg({ type: AlertFilter, description: "Only alerts that match after the change." }),
      after: t.arg({ type: "Cursor", description: "First, each alert that changed since. From now on if not given." }),
    },
    subscribe: async (_, args, context) => {
      const filter = toAlertFilter(args.filter, context.now())
      const after = await checkedCursor(args.after, context)
      return context.iterate(live((_) => _.alerts({ filter, after })))
    },
    resolve: (change) => change,
  }),
}))

const live = <A, E>(of: (updates: LiveUpdates["Service"]) => Stream.Stream<A, E>) =>
  Stream.unwrap(Effect.map(LiveUpdates, of))
