/** Vehicles as they were known at a time. It is a part of their id: to a client's cache each is an object of its own. */
import type { Twin } from "../../domain/vehicle/twin.ts"
import { isVin } from "../../domain/vehicle/vin.ts"
import { Past } from "../vehicles/past.ts"
import type { ApiContext } from "./context.ts"
import { badInput } from "./errors.ts"
import { checkedVin } from "./input.ts"
import { DateTime } from "./scalars.ts"

export interface VehicleShape extends Twin {
  /** Epoch ms: it is shown as it was known then. Left out for the vehicle as it is. */
  readonly asOf?: number
}

/** `<VIN>`, or `<VIN>@<time>`. */
export const vehicleId = ({ asOf, vin }: VehicleShape): string =>
  asOf === undefined ? vin : `${vin}@${new Date(asOf).toISOString()}`

export const vehicleById = async (id: string, context: ApiContext): Promise<VehicleShape | undefined> => {
  const [vin = "", time, ...rest] = id.split("@")
  if (time === undefined) return (await context.loaders.vehicle.load(vin))?.twin
  return isVin(vin) && rest.length === 0 ? vehicleAsOf(vin, DateTime.parseValue(time), context) : undefined
}

/** Fails where nobody can say; `BAD_INPUT` for a time that is still to come. */
export const vehicleAsOf = async (text: string, asOf: number, { now, run }: ApiContext): Promise<VehicleShape> => {
  const vin = checkedVin(text)
  const present = now()
  if (asOf > present) {
    const time = new Date(present).toISOString()
    throw badInput(`\`asOf\` is in the future: it is ${time} here; leave it out for the present`)
  }
  const twin = await run(Past.use((_) => _.asOf(vin, asOf)))
  return { ...twin, asOf }
}

/** Throws `BAD_INPUT` for the past: what is not folded from the vehicle's own state is kept for the present alone. */
export const presentOnly = (field: string, { asOf, vin }: VehicleShape): string => {
  if (asOf === undefined) return vin
  throw badInput(`\`${field}\` is known for the present only: ask for it on the vehicle without \`asOf\``)
}
