import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { maxAheadMs } from "../../domain/vehicle/clock.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import type { Twin } from "../../domain/vehicle/twin.ts"
import { Vehicles } from "../vehicles/vehicles.ts"
import { builder } from "./builder.ts"
import { badInput } from "./errors.ts"
import { checkedText, checkedVin } from "./input.ts"
import { orFailure, resultUnion } from "./results.ts"
import { Powertrain, Vehicle } from "./vehicle.ts"

/** What cannot be done by then is answered with `UNAVAILABLE`; it may still be done later. */
const patience = "10 seconds"
const source = { kind: "api" } as const

const clientMutationText = "Handed back as it is."
const ifRevisionText = "Only if it is still at this revision."

interface Changed {
  readonly clientMutationId: string | null
}

const RegisterVehiclePayload = builder.objectRef<Changed & { readonly vehicle: Twin }>("RegisterVehiclePayload")
RegisterVehiclePayload.implement({
  description: "The vehicle is registered.",
  fields: (t) => ({
    clientMutationId: t.exposeString("clientMutationId", { nullable: true, description: "As it came." }),
    vehicle: t.field({ type: Vehicle, description: "As it is now.", resolve: ({ vehicle }) => vehicle }),
  }),
})

const RecordServicePayload = builder.objectRef<Changed & { readonly vehicle: Twin }>("RecordServicePayload")
RecordServicePayload.implement({
  description: "The service is recorded.",
  fields: (t) => ({
    clientMutationId: t.exposeString("clientMutationId", { nullable: true, description: "As it came." }),
    vehicle: t.field({ type: Vehicle, description: "As it is now.", resolve: ({ vehicle }) => vehicle }),
  }),
})

const RegisterVehicleInput = builder.inputType("RegisterVehicleInput", {
  description: "A vehicle to register, or changes to what is registered. What is left out stays as it is.",
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationText }),
    vin: t.string({ required: true, description: "Vehicle identification number: 17 characters, no I, O or Q." }),
    brand: t.string({ description: "The brand." }),
    model: t.string({ description: "The model." }),
    year: t.int({ description: "The model year." }),
    powertrain: t.field({ type: Powertrain, description: "What drives it." }),
    tags: t.stringList({ description: "In place of those it has; at most 50, of 100 characters each." }),
    depot: t.string({ description: "Where it is kept and seen to; at most 100 characters." }),
    region: t.string({ description: "What part of the fleet's area it is in; at most 100 characters." }),
    ifRevision: t.field({ type: "Long", description: `${ifRevisionText} −1: only if it is not known at all.` }),
  }),
})

/** Throws `BAD_INPUT`. */
const toDescription = (input: typeof RegisterVehicleInput.$inferInput) => {
  const { brand, depot, model, powertrain, region, tags, year } = input
  if (year && (year < 1886 || year > 2200)) throw badInput(`\`year\` is ${year}; a model year is 1886 to 2200`)
  if (tags && tags.length > 50) throw badInput(`\`tags\` has ${tags.length} values; it may have 50`)
  return {
    ...(typeof brand === "string" && { brand: checkedText("brand", brand, 100) }),
    ...(typeof model === "string" && { model: checkedText("model", model, 100) }),
    ...(typeof year === "number" && { year }),
    ...(powertrain && { powertrain }),
    ...(tags && { tags: [...new Set(tags.map((tag) => checkedText("tags", tag, 100)))] }),
    ...(typeof depot === "string" && { depot: checkedText("depot", depot, 100) }),
    ...(typeof region === "string" && { region: checkedText("region", region, 100) }),
  }
}

const ServiceKind = builder.enumType("ServiceKind", {
  description: "What was done.",
  values: {
    INSPECTED: { value: "inspected" as const, description: "Looked at." },
    REPAIRED: { value: "repaired" as const, description: "Made to work again." },
    REPLACED: { value: "replaced" as const, description: "Exchanged for a new one." },
    UPDATED: { value: "updated" as const, description: "Given new software." },
  },
})

const RecordServiceInput = builder.inputType("RecordServiceInput", {
  description: "Work that was done on a vehicle.",
  fields: (t) => ({
    clientMutationId: t.string({ description: `${clientMutationText} Work with the same one is recorded once.` }),
    vin: t.string({ required: true, description: "The VIN of the vehicle." }),
    component: t.string({
      required: true,
      description: "What was worked on: `brakes.front`; `vehicle` for the regular service.",
    }),
    kind: t.field({ type: ServiceKind, required: true, description: "What was done." }),
    at: t.field({ type: "DateTime", description: "When; now if not given." }),
    odometerKm: t.float({ description: "The odometer then, km." }),
    parts: t.stringList({ description: "Parts that were used; at most 100, of 100 characters each." }),
    workshop: t.string({ description: "Who did it." }),
    ifRevision: t.field({ type: "Long", description: ifRevisionText }),
  }),
})

const component = /^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$/

/** Throws `BAD_INPUT`. */
const toServiceDone = (input: typeof RecordServiceInput.$inferInput, now: number) => {
  const { clientMutationId, at, odometerKm, parts, workshop } = input
  if (!component.test(input.component) || input.component.length > 100) {
    throw badInput("`component` is words joined by dots, such as `brakes.front`")
  }
  if (typeof at === "number" && at > now + maxAheadMs) throw badInput("`at` is in the future")
  if (typeof odometerKm === "number" && odometerKm < 0) throw badInput("`odometerKm` is negative")
  if (parts && parts.length > 100) throw badInput(`\`parts\` has ${parts.length} values; it may have 100`)
  const id = clientMutationId ? checkedText("clientMutationId", clientMutationId, 200) : randomUUID()
  return {
    _tag: "ServiceDone" as const,
    identity: Identity.byId(`api:${id}`),
    at: at ?? now,
    receivedAt: now,
    source,
    component: input.component,
    kind: input.kind,
    ...(typeof odometerKm === "number" && { odometerKm }),
    parts: (parts ?? []).map((part) => checkedText("parts", part, 100)),
    ...(typeof workshop === "string" && { workshop: checkedText("workshop", workshop, 200) }),
  }
}

export const addMutations = () => builder.mutationFields((t) => ({
  registerVehicle: t.field({
    type: resultUnion("RegisterVehicleResult", RegisterVehiclePayload),
    description: "Registers a vehicle, or changes what is registered.",
    args: { input: t.arg({ type: RegisterVehicleInput, required: true, description: "The vehicle." }) },
    resolve: (_, { input }, { run, now }) =>
      orFailure(async () => {
        const vin = checkedVin(input.vin)
        const command = {
          description: toDescription(input),
          ...(typeof input.ifRevision === "number" && { ifRevision: input.ifRevision }),
          now: now(),
          source,
        }
        const vehicle = await run(Vehicles.use((_) => _.register(vin, command)).pipe(Effect.timeout(patience)))
        return { clientMutationId: input.clientMutationId ?? null, vehicle }
      }),
  }),
  recordService: t.field({
    type: resultUnion("RecordServiceResult", RecordServicePayload),
    description: "Records work that was done on a vehicle.",
    args: { input: t.arg({ type: RecordServiceInput, required: true, description: "The work." }) },
    resolve: (_, { input }, { run, now }) =>
      orFailure(async () => {
        const vin = checkedVin(input.vin)
        const done = toServiceDone(input, now())
        const record = Vehicles.use((_) => _.recordService(vin, done, input.ifRevision ?? undefined))
        const vehicle = await run(record.pipe(Effect.timeout(patience)))
        return { clientMutationId: input.clientMutationId ?? null, vehicle }
      }),
  }),
}))
