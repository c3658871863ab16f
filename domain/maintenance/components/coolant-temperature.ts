/** Whether a combustion engine's coolant is hotter than it should be. */
import { numberOf } from "../../vehicle/good-reading.ts"
import type { DataOf } from "../../vehicle/events.ts"
import { thermalModel } from "./thermal.ts"

const path = "Vehicle.Powertrain.CombustionEngine"
const temperaturePath = `${path}.EngineCoolant.Temperature`

type Telemetry = DataOf<"TelemetryReceived">

const loadOf = (data: Telemetry, messageAt: number): number | undefined => {
  const power = numberOf(data, `${path}.Power`, messageAt)
  if (power !== undefined) return power.value
  const torque = numberOf(data, `${path}.Torque`, messageAt)
  const speed = numberOf(data, `${path}.Speed`, messageAt)
  return torque === undefined || speed === undefined ? undefined : torque.value * speed.value * Math.PI / 30_000
}

export const coolantTemperature = thermalModel({
  component: "engine.cooling",
  name: "coolant-temperature",
  what: "Coolant",
  signals: [temperaturePath],
  temperatureOf: (data, messageAt) => numberOf(data, temperaturePath, messageAt),
  loadOf,
  hotAt: 115,
  stopAt: 120,
  repair: "Have the cooling looked at: coolant level, thermostat, fan, pump",
  cool: "Stop where it is safe, switch the engine off, let it cool",
  source: "This project's own choice: 115 °C as hot, 120 °C to stop at (above the 80 to 105 °C at which thermostats " +
    "and fans regulate, below where coolant under its cap's pressure boils), the lag of ten minutes, and what excess over " +
    "the vehicle's own past is too much",
})
