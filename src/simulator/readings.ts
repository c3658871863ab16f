/** What a vehicle's sensors say, by VSS path and in VSS's units, with the digits that such sensors have. */
import { airTemperature } from "./cities.ts"
import type { Vehicle } from "./vehicle-model.ts"

export type Readings = { [path: string]: number | boolean | string }

const round = (value: number, digits: number): number => {
  const scale = 10 ** digits
  return Math.round(value * scale) / scale
}

const atmosphere = 101.3
const parkGear = 126
const driveGear = 127

/** Sent with every message: 12 signals. */
export const readFast = (vehicle: Vehicle): Readings => {
  const { activity, battery } = vehicle
  const moving = activity._tag === "Driving"
  return {
    "Vehicle.Speed": round(vehicle.speed * 3.6, 1),
    "Vehicle.CurrentLocation.Latitude": round(vehicle.latitude, 6),
    "Vehicle.CurrentLocation.Longitude": round(vehicle.longitude, 6),
    "Vehicle.CurrentLocation.Heading": round(vehicle.heading, 1),
    "Vehicle.TraveledDistance": Math.floor(vehicle.odometer),
    "Vehicle.Powertrain.Transmission.CurrentGear": moving ? 1 : 0,
    "Vehicle.Powertrain.Transmission.SelectedGear": moving || activity._tag === "Stopped" ? driveGear : parkGear,
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": round(battery.charge * 100, 2),
    "Vehicle.Powertrain.TractionBattery.CurrentVoltage": round(battery.voltage, 1),
    "Vehicle.Powertrain.TractionBattery.CurrentCurrent": round(battery.current, 1),
    "Vehicle.Powertrain.TractionBattery.Temperature.Average": round(battery.temperature, 1),
    "Vehicle.Powertrain.TractionBattery.Charging.IsCharging": activity._tag === "Charging",
  }
}

/** Sent now and then: 18 signals. `noise` (0–1) stirs the last digit of the 12 V reading. */
export const addSlow = (readings: Readings, vehicle: Vehicle, noise: number): void => {
  const { origin } = vehicle
  const distance = (vehicle.serviceOdometer - vehicle.odometer) / 1_000
  const time = Math.floor((vehicle.serviceAt - vehicle.at) / 1_000)
  readings["Vehicle.Exterior.AirTemperature"] = round(airTemperature(origin.city, vehicle.at), 1)
  readings["Vehicle.LowVoltageBattery.CurrentVoltage"] = round(vehicle.lowVoltage + (noise - 0.5) * 0.04, 2)
  readings["Vehicle.LowVoltageSystemState"] = vehicle.activity._tag === "Parked" ? "OFF" : "ON"
  const tyreTemperature = Math.round(vehicle.tyreTemperature)
  for (const [index, wheel] of wheels.entries()) {
    readings[`${wheel}.Tire.Pressure`] = tyrePressure(vehicle, index)
    readings[`${wheel}.Tire.AirTemperature`] = tyreTemperature
  }
  readings["Vehicle.Chassis.Axle.Row1.Wheel.Left.Brake.PadWear"] = padWear(vehicle, 0)
  readings["Vehicle.Chassis.Axle.Row2.Wheel.Left.Brake.PadWear"] = padWear(vehicle, 1)
  readings["Vehicle.Powertrain.ElectricMotor.Temperature"] = Math.round(vehicle.motorTemperature)
  readings["Vehicle.Twin.TractionBattery.InsulationResistance"] = Math.round(origin.insulation * (0.95 + noise / 10))
  readings["Vehicle.Service.DistanceToService"] = round(distance, 2)
  readings["Vehicle.Service.TimeToService"] = time
  readings["Vehicle.Service.IsServiceDue"] = isServiceDue(vehicle)
}

export const isServiceDue = (vehicle: Vehicle): boolean =>
  vehicle.odometer >= vehicle.serviceOdometer || vehicle.at >= vehicle.serviceAt

const wheels = ["Row1.Wheel.Left", "Row1.Wheel.Right", "Row2.Wheel.Left", "Row2.Wheel.Right"]
  .map((wheel) => `Vehicle.Chassis.Axle.${wheel}`)

/** Pads last so far, m. */
const padLife = 50_000_000

const padWear = ({ odometer, origin }: Vehicle, axle: 0 | 1): number =>
  Math.min(100, Math.round(origin.padWear[axle] + ((odometer - origin.odometer) / padLife) * 100))

/** A tyre down to this is flat, and loses no more. kPa. */
const flat = 60

/** Gay-Lussac: the absolute pressure goes with the absolute temperature. kPa above the air's. */
const tyrePressure = (vehicle: Vehicle, wheel: number): number => {
  const { make, tyreOffsets } = vehicle.origin
  const cold = Math.max(flat, make.tyrePressure + (tyreOffsets[wheel] ?? 0) - (wheel === 3 ? vehicle.leaked : 0))
  return Math.round(((cold + atmosphere) * (vehicle.tyreTemperature + 273.15)) / 293.15 - atmosphere)
}
