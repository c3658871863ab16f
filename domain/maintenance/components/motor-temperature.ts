/** Whether an electric drive motor runs hotter than it should: the hottest, where a vehicle has several. */
import { numberOf, numbersOf } from "../../vehicle/good-reading.ts"
import type { DataOf } from "../../vehicle/events.ts"
import { thermalModel } from "./thermal.ts"

const path = "Vehicle.Powertrain.ElectricMotor"
const temperaturePath = `${path}.Temperature`
const temperaturesPath = "Vehicle.Twin.ElectricMotors.Temperature"
const voltagePath = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
const currentPath = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"

type Telemetry = DataOf<"TelemetryReceived">

const temperatureOf = (data: Telemetry, messageAt: number) => {
  const one = numberOf(data, temperaturePath, messageAt)
  const all = numbersOf(data, temperaturesPath, messageAt)
  if (all === undefined || all.value.length === 0) return one
  const hottest = Math.max(...all.value)
  return one !== undefined && one.value >= hottest ? one : { value: hottest, at: all.at }
}

/** Of the pack, as all vehicles with one report it; else of the motor. */
const loadOf = (data: Telemetry, messageAt: number): number | undefined => {
  const voltage = numberOf(data, voltagePath, messageAt)
  const current = numberOf(data, currentPath, messageAt)
  if (voltage !== undefined && current !== undefined) return voltage.value * current.value / 1000
  const power = numberOf(data, `${path}.Power`, messageAt)
  if (power !== undefined) return power.value
  const torque = numberOf(data, `${path}.Torque`, messageAt)
  const speed = numberOf(data, `${path}.Speed`, messageAt)
  return torque === undefined || speed === undefined ? undefined : torque.value * speed.value * Math.PI / 30_000
}

export const motorTemperature = thermalModel({
  component: "motor",
  name: "motor-temperature",
  what: "Motor",
  signals: [temperaturePath, temperaturesPath],
  temperatureOf,
  loadOf,
  hotAt: 150,
  stopAt: 175,
  repair: "Have the motor's cooling looked at: coolant level, pump, bearings",
  cool: "Stop where it is safe, let the motor cool, and have it looked at",
  source: "Insulation of class F holds 155 °C, of class H 180 °C: IEC 60085. This project's own choice: 150 °C as hot, " +
    "175 °C to stop at, the lag of ten minutes, and what excess over the vehicle's own past is too much",
})
