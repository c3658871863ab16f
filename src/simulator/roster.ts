/** Who is in the fleet: the n-th vehicle of a seed, always the same one. */
import { checkDigit, type Vin } from "../../domain/vehicle/vin.ts"
import { cities } from "./cities.ts"
import { type Make, makes } from "./makes.ts"
import * as Random from "./random.ts"
import type { Origin } from "./vehicle-model.ts"

/** More would need a longer serial number than a VIN has. */
export const mostVehicles = 1_000_000

export interface Member {
  readonly vin: Vin
  readonly origin: Origin
  /** Of its city. */
  readonly depot: string
  /** Has a service fall due within minutes: of driving, or by date. */
  readonly nearService: boolean
}

const characters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"

/**
 * `withTroubles`: with vehicles among them whose service falls due, that lose air, whose 12 V battery is old, whose
 * pads are worn, or whose insulation is damp.
 */
export const member = (seed: number, index: number, withTroubles: boolean): Member => {
  const random = Random.make(seed, `roster ${index}`)
  const model = random.pick(makes)
  const origin: Origin = {
    make: model,
    city: random.pick(cities),
    latitudeOffset: random.between(-0.08, 0.08),
    longitudeOffset: random.between(-0.08, 0.08),
    odometer: random.between(5_000_000, 180_000_000),
    charge: random.between(0.3, 0.95),
    begins: random.pick(["driving", "driving", "driving", "driving", "driving", "charging", "parked"]),
    distanceToService: random.between(2_500, model.serviceInterval),
    timeToService: random.between(40, 700) * 86_400,
    tyreOffsets: [random.between(-6, 6), random.between(-6, 6), random.between(-6, 6), random.between(-6, 6)],
    leak: 0,
    lowVoltageSag: 0,
    padWear: [random.between(5, 70), random.between(5, 60)],
    insulation: random.between(2_000, 6_000),
  }
  const vin = vinOf(seed, index, model)
  const depot = random.pick(origin.city.depots)
  if (!withTroubles) return { vin, origin, depot, nearService: false }
  // Drawn from a generator of their own, so that a vehicle is the same one with and without its troubles.
  const troubles = Random.make(seed, `troubles ${index}`)
  const leaks = troubles.chance(0.06)
  const wear = {
    leak: leaks ? troubles.between(20, 400) : 0,
    tyreOffsets: leaks ? ([0, 0, 0, -troubles.between(20, 70)] as const) : origin.tyreOffsets,
    lowVoltageSag: troubles.chance(0.06) ? troubles.between(0.4, 1.1) : 0,
  }
  const troubled = { ...origin, ...wear, ...worn(Random.make(seed, `worn ${index}`), origin) }
  switch (index % 8) {
    case 1: {
      const near = troubles.chance(0.6)
        ? { begins: "driving" as const, distanceToService: troubles.between(0.2, 1.2) }
        : { timeToService: troubles.between(20, 100) }
      return { vin, depot, origin: { ...troubled, ...near }, nearService: true }
    }
    case 5: {
      // Time to plan the service: about to have less than 1,500 km left, where planners commonly want to be told.
      const near = { begins: "driving" as const, distanceToService: 1_500 + troubles.between(0.2, 1.2) }
      return { vin, depot, origin: { ...troubled, ...near }, nearService: false }
    }
    default:
      return { vin, depot, origin: troubled, nearService: false }
  }
}

/** One vehicle in twelve has front pads that are nearly through, one in twenty-five an insulation that is not enough. */
const worn = (random: Random.Random, { insulation, padWear }: Origin): Pick<Origin, "insulation" | "padWear"> => ({
  padWear: random.chance(1 / 12) ? [random.between(87, 97), padWear[1]] : padWear,
  insulation: random.chance(1 / 25) ? random.between(60, 180) : insulation,
})

/** Manufacturer, model, three characters of the seed, check digit, T for model year 2026, a plant, a serial number. */
const vinOf = (seed: number, index: number, { wmi, code }: Make): Vin => {
  const random = Random.make(seed, "vin")
  const mark = Array.from({ length: 3 }, () => characters.charAt(random.whole(0, characters.length - 1))).join("")
  const withDigit = (digit: string) => `${wmi}${code}${mark}${digit}TS${String(index).padStart(6, "0")}` as Vin
  return withDigit(checkDigit(withDigit("0")))
}
