/**
 * What fleets send and VSS 6.0 has no place for, under `Vehicle.Twin`. Each group says why; once VSS takes one in, its
 * own path is used and this one goes.
 */
import type { SignalDefinition } from "./signal.ts"
import { any, between, branch, daily, from, live, oneOf, slow, weekly } from "./signal-table.ts"

// Safety of the pack. GB/T 32960 has every electric vehicle in China report it, and UN R100 and ISO 6469-3 ask for at
// least 100 (DC) or 500 (AC) ohm a volt; a slow fall tells of moisture or a chafed cable. VSS has nothing alike.
const insulation = branch("Vehicle.Twin.TractionBattery", [
  ["InsulationResistance", "float", "kiloohm", from(0), 10, slow, "Insulation between the pack and the body."],
])

// VSS names the cells of highest and lowest voltage but not the probes of highest and lowest temperature.
const probes = branch("Vehicle.Twin.TractionBattery", [
  ["Temperature.{IdMin,IdMax}", "uint16", "", any, 0, slow, "Which probe is the coldest and the hottest, from 0."],
])

// VSS has the converter's temperature and losses but not whether it runs; a dead one strands the vehicle on 12 V.
const dcdc = branch("Vehicle.Twin.TractionBattery", [
  ["DCDC.IsActive", "boolean", "", any, 0, slow, "The DC-DC converter feeds the 12 V supply."],
])

// VSS has one electric motor; vehicles may have several, and a failing one stands out beside the others. One element a
// motor, in the order the vehicle numbers them. VSS has no place for the power electronics' temperature at all.
const motors = branch("Vehicle.Twin.ElectricMotors", [
  ["Speed", "float[]", "rpm", any, 10, live, "Rotation of each drive motor."],
  ["Torque", "float[]", "Nm", any, 1, live, "Torque of each drive motor."],
  ["Temperature", "float[]", "Celsius", any, 1, slow, "Temperature of each drive motor."],
  ["ControllerTemperature", "float[]", "Celsius", any, 1, slow, "Temperature of each motor's power electronics."],
])

// VSS knows hydrogen as a fuel but no fuel cell.
const fuelCell = branch("Vehicle.Twin.FuelCell", [
  ["Voltage", "float", "V", from(0), 0.5, live, "Stack voltage."],
  ["Current", "float", "A", from(0), 0.5, live, "Stack current."],
  ["HydrogenConsumption", "float", "kg/100km", from(0), 0.1, slow, "Hydrogen used."],
  ["HydrogenPressure", "float", "MPa", from(0), 0.1, slow, "Highest pressure in the hydrogen system."],
  ["HydrogenTemperature", "float", "Celsius", any, 1, slow, "Highest temperature in the hydrogen system."],
])

// A battery sensor at the 12 V battery's pole, as most vehicles have, reports these; VSS
// has voltage and current alone.
const lowVoltageBattery = branch("Vehicle.Twin.LowVoltageBattery", [
  ["StateOfCharge", "float", "percent", between(0, 100), 1, slow, "12 V battery: state of charge."],
  ["StateOfHealth", "float", "percent", between(0, 100), 1, weekly, "12 V battery: state of health; 100 when new."],
  ["Temperature", "float", "Celsius", any, 1, slow, "12 V battery: temperature."],
  // Weak batteries show under the load of a start, long before they do at rest.
  ["CrankingVoltage", "float", "V", from(0), 0.05, daily, "12 V battery: lowest voltage while the vehicle last started."],
])

// What a telematics unit says of a crash once it has judged it, as for an emergency call (EN 15722); VSS has airbags
// and accelerations alone.
const safety = branch("Vehicle.Twin.Safety", [
  ["{IsCrashDetected,IsRolloverDetected}", "boolean", "", any, 0, daily, "The vehicle has judged that this happened."],
  ["IsEmergencyCallActive", "boolean", "", any, 0, daily, "An emergency call goes out, by hand or of itself."],
])

// GB/T 32960 vehicles judge their own state: a level, and which of the standard's general alarms stand, bit by bit.
const alarm = branch("Vehicle.Twin.Alarm", [
  ["Level", "uint8", "", between(0, 4), 0, slow, "Highest alarm level: 0 none, more is worse."],
  ["Active", "string[]", "", oneOf(
    "TEMPERATURE_DIFFERENCE", "BATTERY_OVERTEMPERATURE", "PACK_OVERVOLTAGE", "PACK_UNDERVOLTAGE", "SOC_LOW",
    "CELL_OVERVOLTAGE", "CELL_UNDERVOLTAGE", "SOC_HIGH", "SOC_JUMP", "STORAGE_MISMATCH", "CELL_CONSISTENCY",
    "INSULATION", "DCDC_TEMPERATURE", "BRAKE_SYSTEM", "DCDC_STATE", "MOTOR_CONTROLLER_TEMPERATURE",
    "HIGH_VOLTAGE_INTERLOCK", "MOTOR_TEMPERATURE", "OVERCHARGE", "MOTOR_OVERSPEED", "MOTOR_OVERCURRENT",
    "SUPERCAPACITOR_TEMPERATURE", "SUPERCAPACITOR_VOLTAGE", "THERMAL_EVENT", "HYDROGEN_LEAK", "HYDROGEN_PRESSURE",
    "HYDROGEN_TEMPERATURE", "STACK_OVERTEMPERATURE",
  ), 0, slow, "General alarms that stand, in the standard's order of bits 0 to 27."],
])

export const overlay: ReadonlyArray<SignalDefinition> = [
  insulation, probes, dcdc, motors, fuelCell, lowVoltageBattery, safety, alarm,
].flat()
