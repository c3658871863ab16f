/**
 * One simulated battery electric vehicle: it drives, parks and charges through the day. What it does follows from its
 * description, its seed and the time it is advanced by; there is no clock in here. `advance` changes the vehicle in
 * place, since a fleet of thousands is advanced many times a second.
 */
import { type Battery, type Charger, chargeFor, draw, openCircuitVoltage, rest } from "./battery.ts"
import { airTemperature, type City, localHour } from "./cities.ts"
import { accelerate, type Leg, nextLeg } from "./driver.ts"
import type { Make } from "./makes.ts"
import type { Random } from "./random.ts"

/** What a vehicle brings along. */
export interface Origin {
  readonly make: Make
  readonly city: City
  /** Degrees from the city's centre. */
  readonly latitudeOffset: number
  readonly longitudeOffset: number
  /** m. */
  readonly odometer: number
  /** State of charge, 0–1. */
  readonly charge: number
  readonly begins: "driving" | "charging" | "parked"
  /** km to the next service, by distance. */
  readonly distanceToService: number
  /** s to the next service, by date. */
  readonly timeToService: number
  /** kPa above the make's own, each tyre. */
  readonly tyreOffsets: readonly [number, number, number, number]
  /** Pressure that the rear right tyre loses, kPa an hour. */
  readonly leak: number
  /** V that the 12 V battery is below a sound one. */
  readonly lowVoltageSag: number
  /** Of the pads of either axle, percent: 100 is worn. */
  readonly padWear: readonly [number, number]
  /** Between the pack and the body, kiloohm. */
  readonly insulation: number
}

type Activity =
  | { readonly _tag: "Driving" }
  | { readonly _tag: "Stopped"; readonly until: number }
  | { readonly _tag: "Parked"; readonly until: number }
  | { readonly _tag: "Charging"; readonly charger: Charger; readonly target: number; readonly until: number }

export interface Vehicle {
  readonly origin: Origin
  readonly random: Random
  /** Epoch ms of the simulated world; fractions are kept. */
  at: number
  activity: Activity
  leg: Leg
  following: Leg
  /** m: of the leg; of the trip after the leg that follows. */
  legRemaining: number
  tripRemaining: number
  /** m/s. */
  speed: number
  /** Degrees from north, clockwise, 0 up to 360. */
  heading: number
  latitude: number
  longitude: number
  /** m. */
  odometer: number
  readonly battery: Battery
  /** °C. */
  tyreTemperature: number
  /** °C. */
  motorTemperature: number
  /** kPa that the leaking tyre has lost. */
  leaked: number
  /** V of the 12 V battery. */
  lowVoltage: number
  /** Epoch ms at which the service falls due. */
  readonly serviceAt: number
  /** m on the odometer at which the service falls due. */
  readonly serviceOdometer: number
}

const longestStep = 1
const longestRest = 30
const metresPerDegree = 111_320
const farFromHome = 25_000
const lowCharge = 0.35
const emptyCharge = 0.1
const accessoryPower = 500
const recovered = 0.65
const driveEfficiency = 0.9
const airDensity = 1.2
const gravity = 9.81
const strongestRecovery = -70_000
/** What the motor's cooling carries off, of the pack's power, W/K. */
const motorCooling = 500

const radians = (degrees: number): number => (degrees * Math.PI) / 180

export const make = (origin: Origin, random: Random, at: number): Vehicle => {
  const ambient = airTemperature(origin.city, at)
  const leg = nextLeg(random, false, false)
  const vehicle: Vehicle = {
    origin,
    random,
    at,
    activity: { _tag: "Driving" },
    leg,
    following: nextLeg(random, false, false),
    legRemaining: leg.length * random.next(),
    tripRemaining: random.between(3_000, 60_000),
    speed: 0,
    heading: random.between(0, 360),
    latitude: origin.city.latitude + origin.latitudeOffset,
    longitude: origin.city.longitude + origin.longitudeOffset,
    odometer: origin.odometer,
    battery: {
      charge: origin.charge,
      temperature: ambient + 5,
      current: 0,
      voltage: openCircuitVoltage(origin.make, origin.charge),
    },
    tyreTemperature: ambient,
    motorTemperature: ambient,
    leaked: 0,
    lowVoltage: 12.7 - origin.lowVoltageSag,
    serviceAt: at + origin.timeToService * 1_000,
    serviceOdometer: origin.odometer + origin.distanceToService * 1_000,
  }
  if (origin.begins === "parked") vehicle.activity = park(vehicle, 600)
  if (origin.begins === "charging") vehicle.activity = plugIn(vehicle, "ac")
  return vehicle
}

/** Lets so many seconds pass, in steps of a second at most while it drives. */
export const advance = (vehicle: Vehicle, seconds: number): void => {
  let left = seconds
  while (left > 0) {
    const tag = vehicle.activity._tag
    const step = Math.min(left, tag === "Driving" || tag === "Stopped" ? longestStep : longestRest)
    left -= step
    pass(vehicle, step)
  }
}

const pass = (vehicle: Vehicle, seconds: number): void => {
  const { activity, battery, origin } = vehicle
  const ambient = airTemperature(origin.city, vehicle.at)
  vehicle.at += seconds * 1_000
  switch (activity._tag) {
    case "Driving":
      drive(vehicle, ambient, seconds)
      break
    case "Stopped":
      draw(battery, origin.make, accessoryPower, ambient, seconds)
      if (vehicle.at >= activity.until) setOff(vehicle)
      break
    case "Parked":
      rest(battery, origin.make, ambient, seconds)
      if (vehicle.at >= activity.until) beginTrip(vehicle)
      break
    case "Charging":
      if (!chargeFor(battery, origin.make, activity.charger, activity.target, ambient, seconds)) {
        vehicle.activity = { _tag: "Parked", until: Math.max(activity.until, vehicle.at) }
      }
      break
  }
  settle(vehicle, ambient, seconds)
}

const drive = (vehicle: Vehicle, ambient: number, seconds: number): void => {
  const { leg, following, origin: { make: model } } = vehicle
  const exit = leg.stopFor > 0 ? 0 : Math.min(leg.limit, following.limit, model.topSpeed)
  const target = Math.min(leg.limit, model.topSpeed)
  const wanted = accelerate(vehicle.speed, target, vehicle.legRemaining, exit, model.maxAcceleration)
  const speed = Math.max(0, vehicle.speed + wanted * seconds)
  const acceleration = (speed - vehicle.speed) / seconds
  const mean = (speed + vehicle.speed) / 2
  vehicle.speed = speed
  move(vehicle, mean * seconds)

  const resistance = model.mass * gravity * model.rolling + 0.5 * airDensity * model.dragArea * mean * mean
  const wheels = (model.mass * acceleration + resistance) * mean
  const motor = wheels >= 0 ? wheels / driveEfficiency : Math.max(strongestRecovery, wheels * recovered)
  const climate = 60 * Math.abs(ambient - 20)
  draw(vehicle.battery, model, motor + accessoryPower + climate, ambient, seconds)

  if (exit === 0 ? speed === 0 && vehicle.legRemaining < 0.5 : vehicle.legRemaining <= 0) endLeg(vehicle)
}

/** On a sphere that is flat for the length of a step: exact to a few millimetres. */
const move = (vehicle: Vehicle, metres: number): void => {
  const course = radians(vehicle.heading)
  vehicle.latitude += (metres * Math.cos(course)) / metresPerDegree
  vehicle.longitude += (metres * Math.sin(course)) / (metresPerDegree * Math.cos(radians(vehicle.latitude)))
  vehicle.odometer += metres
  vehicle.legRemaining -= metres
}

const endLeg = (vehicle: Vehicle): void => {
  const { leg } = vehicle
  if (leg.stopFor === 0) return setOff(vehicle)
  vehicle.activity = vehicle.tripRemaining === -Infinity
    ? arrive(vehicle)
    : { _tag: "Stopped", until: vehicle.at + leg.stopFor * 1_000 }
}

/** Goes over to the leg that follows, and decides on the one after it. */
const setOff = (vehicle: Vehicle): void => {
  vehicle.activity = { _tag: "Driving" }
  vehicle.leg = vehicle.following
  vehicle.legRemaining = vehicle.leg.length
  vehicle.heading = (homewards(vehicle) + vehicle.leg.turn + 360) % 360
  if (vehicle.battery.charge < emptyCharge) vehicle.tripRemaining = Math.min(vehicle.tripRemaining, 0)
  if (vehicle.tripRemaining <= 0) {
    // The leg just begun is the last one.
    vehicle.leg = { ...vehicle.leg, stopFor: 1 }
    vehicle.tripRemaining = -Infinity
    return
  }
  vehicle.following = nextLeg(vehicle.random, vehicle.tripRemaining > 8_000, false)
  vehicle.tripRemaining -= vehicle.following.length
}

const beginTrip = (vehicle: Vehicle): void => {
  if (vehicle.battery.charge < lowCharge) {
    vehicle.activity = plugIn(vehicle, "dc")
    return
  }
  vehicle.tripRemaining = vehicle.random.between(3_000, 45_000)
  vehicle.following = nextLeg(vehicle.random, false, false)
  setOff(vehicle)
}

const arrive = (vehicle: Vehicle): Activity => {
  const { charge } = vehicle.battery
  if (charge < emptyCharge * 2) return plugIn(vehicle, "dc")
  const night = isNight(vehicle)
  if (charge < lowCharge || (night && charge < 0.7)) return plugIn(vehicle, "ac")
  return park(vehicle, vehicle.random.between(300, 5_400))
}

const isNight = (vehicle: Vehicle): boolean => {
  const hour = localHour(vehicle.origin.city, vehicle.at)
  return hour >= 21 || hour < 5
}

/** Until the morning when it is night, else for so many seconds. */
const park = (vehicle: Vehicle, seconds: number): Activity => {
  if (!isNight(vehicle)) return { _tag: "Parked", until: vehicle.at + seconds * 1_000 }
  const morning = (30 + vehicle.random.between(0, 3) - localHour(vehicle.origin.city, vehicle.at)) % 24
  return { _tag: "Parked", until: vehicle.at + morning * 3_600_000 }
}

const plugIn = (vehicle: Vehicle, charger: Charger): Activity => {
  const parked = park(vehicle, 600)
  return {
    _tag: "Charging",
    charger,
    target: charger === "dc" ? 0.8 : vehicle.random.pick([0.8, 0.9, 1]),
    until: parked._tag === "Parked" ? parked.until : vehicle.at,
  }
}

/** The heading as it is, or towards home once that is far. */
const homewards = (vehicle: Vehicle): number => {
  const { city } = vehicle.origin
  const north = (city.latitude - vehicle.latitude) * metresPerDegree
  const east = (city.longitude - vehicle.longitude) * metresPerDegree * Math.cos(radians(city.latitude))
  if (Math.hypot(north, east) < farFromHome) return vehicle.heading
  return (Math.atan2(east, north) * 180) / Math.PI
}

/**
 * What follows slowly: tyres warm up with speed, the motor with its power, the 12 V battery is fed while the vehicle is
 * awake.
 */
const settle = (vehicle: Vehicle, ambient: number, seconds: number): void => {
  const { activity, origin } = vehicle
  const awake = activity._tag !== "Parked"
  const warm = ambient + 22 * (vehicle.speed / 36)
  vehicle.tyreTemperature += (warm - vehicle.tyreTemperature) * Math.min(1, seconds / 600)
  const power = activity._tag === "Driving" ? Math.abs(vehicle.battery.current * vehicle.battery.voltage) : 0
  const hot = ambient + power / motorCooling
  vehicle.motorTemperature += (hot - vehicle.motorTemperature) * Math.min(1, seconds / 900)
  vehicle.leaked += (origin.leak * seconds) / 3_600
  // A battery that ages takes the DC-DC converter's voltage like any other, and shows its age at rest.
  const resting = 12.7 - origin.lowVoltageSag
  vehicle.lowVoltage += ((awake ? 14.3 : resting) - vehicle.lowVoltage) * Math.min(1, seconds / (awake ? 5 : 120))
}
