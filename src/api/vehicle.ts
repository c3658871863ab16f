import type { ActiveTroubleCode } from "../../domain/vehicle/twin.ts"
import { hasCheckDigit, isVin } from "../../domain/vehicle/vin.ts"
import type { VehicleFilter as Filter, VehicleOrder as Order } from "../readmodel/read-model.ts"
import { Alert } from "./alert.ts"
import { builder, connectionOptions, edgeOptions, totalText } from "./builder.ts"
import { ComponentHealth, healthNow } from "./component-health.ts"
import { countEvents, Event, eventsOf } from "./event.ts"
import { checkedList } from "./input.ts"
import { OrderDirection } from "./order-direction.ts"
import { connectionOf, pageOf } from "./paging.ts"
import { presentOnly, vehicleById, vehicleId, type VehicleShape } from "./past.ts"
import { ReportingStateType } from "./reporting-state.ts"
import { Signal, signalsOf } from "./signal.ts"
import { Trip, trips } from "./trip.ts"

export const Powertrain = builder.enumType("Powertrain", {
  description: "What drives a vehicle.",
  values: {
    BEV: { description: "Battery electric." },
    PHEV: { description: "Plug-in hybrid." },
    HEV: { description: "Hybrid that is not plugged in." },
    ICE: { description: "Combustion engine." },
    FCEV: { description: "Fuel cell." },
  },
})

const Severity = builder.enumType("Severity", {
  description: "How grave a trouble code is.",
  values: {
    INFO: { value: "info" as const, description: "For the record." },
    WARNING: { value: "warning" as const, description: "Have it seen to." },
    CRITICAL: { value: "critical" as const, description: "Act now." },
  },
})

const TroubleCode = builder.objectRef<ActiveTroubleCode>("TroubleCode").implement({
  description: "A diagnostic trouble code that is active.",
  fields: (t) => ({
    code: t.exposeString("code", { description: "By SAE J2012, such as `P0A80`, or the maker's own." }),
    severity: t.field({ type: Severity, description: "How grave it is.", resolve: ({ severity }) => severity }),
    ecu: t.string({ nullable: true, description: "The control unit that raised it.", resolve: (_) => _.ecu ?? null }),
    text: t.string({ nullable: true, description: "What it says.", resolve: ({ text }) => text ?? null }),
    at: t.expose("at", { type: "DateTime", description: "Device time at which it was raised." }),
  }),
})

export const presentOnlyText = "Known for the present only: with `asOf` it is `BAD_INPUT`."

export const Vehicle = builder.node(builder.objectRef<VehicleShape>("Vehicle"), {
  description: "A vehicle's digital twin: as it is, or with `asOf` as it was known at a time.",
  id: { resolve: vehicleId, description: "Found by `node`. The vehicle at each time in the past has one of its own." },
  loadOne: vehicleById,
  fields: (t) => ({
    asOf: t.field({
      type: "DateTime",
      nullable: true,
      description: "The time at which all this was known. Null for the present.",
      resolve: ({ asOf }) => asOf ?? null,
    }),
    vin: t.exposeString("vin", { description: "Vehicle identification number, ISO 3779." }),
    vinCheckDigitValid: t.boolean({
      description: "Whether its ninth character is the check digit; some markets leave it free.",
      resolve: ({ vin }) => isVin(vin) && hasCheckDigit(vin),
    }),
    brand: t.string({ nullable: true, description: "Its brand.", resolve: (_) => _.description.brand ?? null }),
    model: t.string({ nullable: true, description: "Its model.", resolve: (_) => _.description.model ?? null }),
    year: t.int({ nullable: true, description: "The model year.", resolve: (_) => _.description.year ?? null }),
    powertrain: t.field({
      type: Powertrain,
      nullable: true,
      description: "What drives it.",
      resolve: (_) => _.description.powertrain ?? null,
    }),
    tags: t.stringList({ description: "Labels to filter by.", resolve: (_) => _.description.tags ?? [] }),
    depot: t.string({
      nullable: true,
      description: "Where it is kept and seen to.",
      resolve: (_) => _.description.depot ?? null,
    }),
    region: t.string({
      nullable: true,
      description: "What part of the fleet's area it is in.",
      resolve: (_) => _.description.region ?? null,
    }),
    registeredAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "Null for a vehicle that sends without being registered.",
      resolve: (_) => _.registeredAt ?? null,
    }),
    revision: t.expose("revision", {
      type: "Long",
      description: "Of the newest event on its stream that this shows: `ifRevision` takes it.",
    }),
    online: t.exposeBoolean("online", {
      description: "Whether it is connected: by its own status, or by its will once the connection is lost.",
    }),
    lastSeenAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When it was last heard of.",
      resolve: (_) => _.lastSeenAt ?? null,
    }),
    clockOffsetMs: t.field({
      type: "Long",
      nullable: true,
      description: "How far its clock is ahead, ms, while it is too far off to be believed.",
      resolve: (_) => _.clockOffsetMs ?? null,
    }),
    signals: t.field({
      type: [Signal],
      description: "Current values, by path.",
      args: {
        paths: t.arg.stringList({
          description: "Only these; a branch, such as `Vehicle.Cabin`, stands for all below it.",
        }),
      },
      resolve: (vehicle, { paths }) => signalsOf(vehicle, paths ?? undefined),
    }),
    troubleCodes: t.field({
      type: [TroubleCode],
      description: "Those that are active, the newest first.",
      resolve: (_) => Object.values(_.troubleCodes).toSorted((a, b) => b.at - a.at),
    }),
    health: t.field({
      type: [ComponentHealth],
      description: `How its components fare: those of which a model knows something. ${presentOnlyText}`,
      resolve: async (vehicle, _, { loaders, now }) => {
        const rows = await loaders.health.load(presentOnly("health", vehicle))
        return rows.flatMap((row) => healthNow(row, now()) ?? [])
      },
    }),
    alerts: t.field({
      type: [Alert],
      description: `What needs attention, newest first: all alerts that are not resolved. ${presentOnlyText}`,
      resolve: (vehicle, _, { loaders }) => loaders.alerts.load(presentOnly("alerts", vehicle)),
    }),
    trips: t.connection({
      type: Trip,
      description: `Its trips, newest first. ${presentOnlyText}`,
      resolve: async (vehicle, args, { loaders }) => {
        const vin = presentOnly("trips", vehicle)
        const slice = await loaders.trips.load({ vin, page: pageOf(trips, args) })
        return { ...connectionOf(trips, args, slice), totalCount: () => loaders.tripCount.load(vin) }
      },
    }, {
      ...connectionOptions("Trip", "trips"),
      fields: (c) => ({ totalCount: c.int({ description: totalText, resolve: (_) => _.totalCount() }) }),
    }, edgeOptions("Trip", "trips")),
    events: t.connection({
      type: Event,
      description: "What happened, oldest first; `last` reads from the newest. With `asOf`, what was known then. Events "
        + "that were archived are not among them; a cursor or an id of one is answered with `ARCHIVED` and the file.",
      args: { types: t.arg.stringList({ description: "Only events of these types." }) },
      resolve: async ({ asOf, revision, vin }, args, { run }) => ({
        ...await run(eventsOf(vin, args, asOf === undefined ? undefined : revision)),
        totalCount: async () =>
          args.types ? null : run(countEvents(vin, asOf === undefined ? undefined : revision)),
      }),
    }, {
      ...connectionOptions("Event", "events"),
      fields: (c) => ({
        totalCount: c.int({
          nullable: true,
          description: "How many there are in all pages. Null where types are given: nobody has counted those.",
          resolve: (_) => _.totalCount(),
        }),
      }),
    }, edgeOptions("Event", "events")),
  }),
})

export const VehicleFilter = builder.inputType("VehicleFilter", {
  description: "Vehicles that match all that is given; of a list, any, if nothing else is said.",
  fields: (t) => ({
    vins: t.stringList({ description: "With these VINs." }),
    brands: t.stringList({ description: "Of these brands." }),
    models: t.stringList({ description: "Of these models." }),
    tags: t.stringList({ description: "With all of these tags." }),
    depots: t.stringList({ description: "Of these depots." }),
    regions: t.stringList({ description: "Of these regions." }),
    online: t.boolean({ description: "Online, or not." }),
    reporting: t.field({ type: [ReportingStateType], description: "Whether they report as they should." }),
    registered: t.boolean({ description: "Registered, or not." }),
    seenAfter: t.field({ type: "DateTime", description: "Heard of after this." }),
    seenBefore: t.field({ type: "DateTime", description: "Last heard of before this." }),
  }),
})

/** Throws `BAD_INPUT`. */
export const toVehicleFilter = (input: typeof VehicleFilter.$inferInput | null | undefined): Filter => ({
  ...(input?.vins && { vins: checkedList("vins", input.vins) }),
  ...(input?.brands && { brands: checkedList("brands", input.brands) }),
  ...(input?.models && { models: checkedList("models", input.models) }),
  ...(input?.tags && { tags: checkedList("tags", input.tags) }),
  ...(input?.depots && { depots: checkedList("depots", input.depots) }),
  ...(input?.regions && { regions: checkedList("regions", input.regions) }),
  ...(typeof input?.online === "boolean" && { online: input.online }),
  ...(input?.reporting && { reporting: checkedList("reporting", input.reporting) }),
  ...(typeof input?.registered === "boolean" && { registered: input.registered }),
  ...(typeof input?.seenAfter === "number" && { seenAfter: input.seenAfter }),
  ...(typeof input?.seenBefore === "number" && { seenBefore: input.seenBefore }),
})

const VehicleOrderField = builder.enumType("VehicleOrderField", {
  description: "What vehicles are ordered by. Those without a value come last, those with the same by VIN.",
  values: {
    VIN: { value: "vin" as const, description: "The VIN." },
    LAST_SEEN_AT: { value: "lastSeenAt" as const, description: "When they were last heard of." },
    BRAND: { value: "brand" as const, description: "The brand." },
  },
})

export const VehicleOrder = builder.inputType("VehicleOrder", {
  description: "An order of vehicles.",
  fields: (t) => ({
    field: t.field({ type: VehicleOrderField, required: true, description: "What they are ordered by." }),
    direction: t.field({ type: OrderDirection, required: true, defaultValue: "asc", description: "Which way." }),
  }),
})

export const toVehicleOrder = (input: typeof VehicleOrder.$inferInput | null | undefined): Order => ({
  by: input?.field ?? "vin",
  descending: input?.direction === "desc",
})
