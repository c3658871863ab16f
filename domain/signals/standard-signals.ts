/**
 * The signals of VSS 6.0 that fleets send. Path, type, unit, limits and allowed values are facts of the COVESA Vehicle
 * Signal Specification, release 6.0 (https://github.com/COVESA/vehicle_signal_specification, MPL-2.0), and a test holds
 * them against it; wording, deadbands and staleness are this project's.
 *
 * Deadband: about the resolution of the usual sensor, or the change a reader would act on, whichever is larger. Flags,
 * choices and counters have 0. Staleness: by how fast the truth moves on, in the five steps of `signal-table.ts`.
 */
import type { SignalDefinition } from "./signal.ts"
import { any, between, branch, daily, from, live, never, oneOf, slow, upTo, weekly } from "./signal-table.ts"

const percent = between(0, 100)

const motion = branch("Vehicle", [
  ["Speed", "float", "km/h", any, 0.5, live, "Vehicle speed."],
  ["AverageSpeed", "float", "km/h", any, 0.5, slow, "Average speed of the current trip."],
  ["IsMoving", "boolean", "", any, 0, live, "Whether the vehicle moves at all."],
  ["TraveledDistance", "uint32", "m", any, 100, daily, "Odometer: distance over the vehicle's life."],
  ["TraveledDistanceSinceStart", "uint32", "m", any, 100, daily, "Distance of the current trip."],
  ["TripDuration", "float", "s", any, 10, daily, "Duration of the latest trip."],
  ["StartTime", "string", "iso8601", any, 0, never, "When the current or latest trip began, UTC."],
  ["Acceleration.Longitudinal", "float", "m/s^2", any, 0.1, live, "Acceleration forwards; negative when braking."],
  ["Acceleration.Lateral", "float", "m/s^2", any, 0.1, live, "Acceleration to the left."],
  ["Acceleration.Vertical", "float", "m/s^2", any, 0.1, live, "Acceleration upwards."],
  ["AngularVelocity.Yaw", "float", "degrees/s", any, 0.5, live, "Rotation about the vertical axis."],
  ["IsBrokenDown", "boolean", "", any, 0, daily, "Stopped on the road by a breakdown or the like."],
  ["CurrentOverallWeight", "uint16", "kg", any, 50, daily, "Weight with people and load inside."],
  ["Trailer.IsConnected", "boolean", "", any, 0, daily, "A trailer is connected."],
  ["Connectivity.IsConnectivityAvailable", "boolean", "", any, 0, live, "The vehicle can reach its cloud."],
])

// 0.00001 degrees of latitude are 1.1 m, less than a receiver's own error.
const location = branch("Vehicle.CurrentLocation", [
  ["Latitude", "double", "degrees", between(-90, 90), 0.000_01, live, "Latitude, WGS 84."],
  ["Longitude", "double", "degrees", between(-180, 180), 0.000_01, live, "Longitude, WGS 84."],
  ["Altitude", "double", "m", any, 2, live, "Height above the WGS 84 ellipsoid."],
  ["Heading", "double", "degrees", between(0, 360), 2, live, "Course over ground; 0 is north, 90 east."],
  ["HorizontalAccuracy", "double", "m", any, 1, live, "Accuracy of latitude and longitude."],
  ["Timestamp", "string", "iso8601", any, 0, live, "When the receiver had this position, UTC."],
])

const surroundings = branch("Vehicle.Exterior", [
  ["AirTemperature", "float", "Celsius", any, 0.5, slow, "Air temperature outside."],
  ["Humidity", "float", "percent", percent, 2, slow, "Relative humidity outside."],
])

const identification = branch("Vehicle.VehicleIdentification", [
  ["VIN", "string", "", any, 0, never, "Vehicle identification number, ISO 3779."],
  ["Brand", "string", "", any, 0, never, "Brand."],
  ["Model", "string", "", any, 0, never, "Model."],
  ["Year", "uint16", "", any, 0, never, "Model year."],
  ["ProductionDate", "string", "iso8601", any, 0, never, "Date of production."],
  ["LicensePlate", "string", "", any, 0, never, "License plate."],
  ["VehicleConfiguration", "string", "", any, 0, never, "Configuration, in the maker's own words."],
])

const service = branch("Vehicle", [
  ["Service.IsServiceDue", "boolean", "", any, 0, weekly, "Service is due now or soon."],
  ["Service.DistanceToService", "float", "km", any, 10, weekly, "Distance to the next service; negative when overdue."],
  ["Service.TimeToService", "int32", "s", any, 86_400, weekly, "Time to the next service; negative when overdue."],
  ["Diagnostics.DTCCount", "uint8", "", any, 0, daily, "Number of trouble codes present."],
  ["Diagnostics.DTCList", "string[]", "", any, 0, daily, "Trouble codes present, SAE J2012 or the maker's own."],
])

const lowVoltage = branch("Vehicle", [
  ["LowVoltageSystemState", "string", "", oneOf("UNDEFINED", "LOCK", "OFF", "ACC", "ON", "START"), 0, daily,
    "State of the 12 V supply: the ignition."],
  ["LowVoltageBattery.CurrentVoltage", "float", "V", any, 0.1, slow, "12 V battery: voltage."],
  ["LowVoltageBattery.CurrentCurrent", "float", "A", any, 0.5, slow, "12 V battery: current; positive charges it."],
  ["LowVoltageBattery.NominalCapacity", "uint16", "Ah", any, 0, never, "12 V battery: nominal capacity."],
  ["LowVoltageBattery.NominalVoltage", "uint16", "V", any, 0, never, "12 V battery: nominal voltage."],
])

const powertrain = branch("Vehicle.Powertrain", [
  ["Type", "string", "", oneOf("COMBUSTION", "HYBRID", "ELECTRIC"), 0, never, "Kind of powertrain."],
  ["Range", "uint32", "m", any, 1000, slow, "Range left with all that the vehicle carries."],
  ["TimeRemaining", "uint32", "s", any, 60, slow, "Time left before all energy is used up."],
  ["AccumulatedBrakingEnergy", "float", "kWh", any, 0.1, daily, "Energy won back by braking over life."],
])

const electricMotor = branch("Vehicle.Powertrain.ElectricMotor", [
  ["Speed", "float", "rpm", any, 10, live, "Rotation of the drive motor."],
  ["Torque", "int16", "Nm", any, 1, live, "Torque; negative when it brakes the vehicle."],
  ["Power", "int16", "kW", any, 1, live, "Mechanical power; negative when it brakes the vehicle."],
  ["Temperature", "float", "Celsius", any, 1, slow, "Motor temperature."],
  ["TimeInUse", "float", "h", any, 0.1, daily, "Hours in use over life."],
  ["EngineCoolant.Temperature", "float", "Celsius", any, 1, slow, "Coolant temperature."],
  ["EngineCoolant.Level", "string", "", oneOf("CRITICALLY_LOW", "LOW", "NORMAL"), 0, daily, "Coolant level."],
])

const combustionEngine = branch("Vehicle.Powertrain.CombustionEngine", [
  ["IsRunning", "boolean", "", any, 0, live, "The engine turns."],
  ["Speed", "float", "rpm", any, 10, live, "Engine speed."],
  ["Torque", "int16", "Nm", any, 1, live, "Torque; negative when the engine brakes."],
  ["Power", "uint16", "kW", any, 1, live, "Power; 0 when the engine brakes."],
  ["TPS", "uint8", "percent", upTo(100), 1, live, "Throttle position."],
  ["MAF", "uint16", "g/s", any, 1, live, "Mass of air drawn in."],
  ["MAP", "uint16", "kPa", any, 1, live, "Absolute pressure in the manifold."],
  ["EOP", "uint16", "kPa", any, 5, live, "Oil pressure."],
  ["EngineHours", "float", "h", any, 0.1, daily, "Hours run over life."],
  ["IdleHours", "float", "h", any, 0.1, daily, "Hours idled over life."],
  ["EngineCoolant.Temperature", "float", "Celsius", any, 1, slow, "Coolant temperature."],
  ["EngineCoolant.Level", "string", "", oneOf("CRITICALLY_LOW", "LOW", "NORMAL"), 0, daily, "Coolant level."],
  ["EngineOil.Temperature", "float", "Celsius", any, 1, slow, "Oil temperature."],
  ["EngineOil.Level", "string", "", oneOf("CRITICALLY_LOW", "LOW", "NORMAL", "HIGH", "CRITICALLY_HIGH"), 0, daily,
    "Oil level."],
  ["EngineOil.LifeRemaining", "int32", "s", any, 86_400, weekly, "Life left in the oil; negative when overdue."],
  ["DieselExhaustFluid.Level", "uint8", "percent", percent, 1, slow, "Diesel exhaust fluid (AdBlue): level."],
  ["DieselExhaustFluid.Range", "uint32", "m", any, 1000, slow, "Diesel exhaust fluid (AdBlue): range left."],
  ["DieselParticulateFilter.DeltaPressure", "float", "Pa", any, 100, slow, "Pressure drop: rises with the soot load."],
  ["DieselParticulateFilter.InletTemperature", "float", "Celsius", any, 5, slow, "Exhaust before the filter."],
  ["DieselParticulateFilter.OutletTemperature", "float", "Celsius", any, 5, slow, "Exhaust after the filter."],
])

const fuelSystem = branch("Vehicle.Powertrain.FuelSystem", [
  ["RelativeLevel", "uint8", "percent", percent, 1, slow, "Fuel level."],
  ["AbsoluteLevel", "float", "l", any, 0.5, slow, "Fuel in the tank."],
  ["IsFuelLevelLow", "boolean", "", any, 0, daily, "Fuel is low."],
  ["Range", "uint32", "m", any, 1000, slow, "Range left on fuel alone."],
  ["InstantConsumption", "float", "l/100km", from(0), 0.5, live, "Consumption now."],
  ["AverageConsumption", "float", "l/100km", from(0), 0.1, slow, "Average consumption."],
  ["ConsumptionSinceStart", "float", "l", any, 0.1, slow, "Fuel used on the current trip."],
  ["TankCapacity", "float", "l", any, 0, never, "Capacity of the tank."],
])

const transmission = branch("Vehicle.Powertrain.Transmission", [
  ["CurrentGear", "int8", "", any, 0, live, "Gear engaged: 0 neutral, 1… forward, −1… reverse."],
  ["SelectedGear", "int8", "", any, 0, live, "Gear selected: as engaged, and 126 park, 127 drive."],
  ["Temperature", "float", "Celsius", any, 1, slow, "Oil temperature."],
  ["ClutchWear", "uint8", "percent", upTo(100), 1, weekly, "Clutch wear: 0 new, 100 worn."],
])

const tractionBattery = branch("Vehicle.Powertrain.TractionBattery", [
  ["NetCapacity", "uint16", "kWh", any, 0, weekly, "Net capacity as aged."],
  ["StateOfCharge.Current", "float", "percent", percent, 0.1, slow, "State of charge, of the net capacity."],
  ["StateOfCharge.Displayed", "float", "percent", percent, 0.5, slow, "State of charge as the driver sees it."],
  ["StateOfCharge.CurrentEnergy", "float", "kWh", any, 0.1, slow, "Energy held."],
  ["StateOfHealth", "float", "percent", percent, 0.1, weekly, "State of health; 100 when new."],
  ["CurrentVoltage", "float", "V", any, 0.5, live, "Pack voltage."],
  ["CurrentCurrent", "float", "A", any, 0.5, live, "Pack current; positive charges it."],
  ["CurrentPower", "float", "W", any, 100, live, "Pack power; positive charges it."],
  ["Range", "uint32", "m", any, 1000, slow, "Range left on the battery alone."],
  ["TimeRemaining", "uint32", "s", any, 60, slow, "Time left before the battery is empty."],
  ["Temperature.{Average,Min,Max}", "float", "Celsius", any, 0.5, slow, "Cell temperature: average, coldest, hottest."],
  ["Temperature.CellTemperature", "float[]", "", any, 0.5, slow, "Temperature of each cell, Celsius."],
  ["CellVoltage.{Min,Max}", "float", "V", any, 0.005, live, "Voltage of the weakest and of the strongest cell."],
  ["CellVoltage.{IdMin,IdMax}", "uint16", "", any, 0, live, "Which cell that is, from 0."],
  ["CellVoltage.CellVoltages", "float[]", "", any, 0.005, slow, "Voltage of each cell, V."],
  ["AccumulatedChargedEnergy", "float", "kWh", any, 0.1, daily, "Energy charged over the pack's life."],
  ["AccumulatedConsumedEnergy", "float", "kWh", any, 0.1, daily, "Energy drawn over the pack's life."],
  ["AccumulatedChargedThroughput", "float", "Ah", any, 0.5, daily, "Charge taken in over the pack's life."],
  ["AccumulatedConsumedThroughput", "float", "Ah", any, 0.5, daily, "Charge given out over the pack's life."],
  ["IsPowerConnected", "boolean", "", any, 0, daily, "The pack's positive side is connected."],
  ["IsGroundConnected", "boolean", "", any, 0, daily, "The pack's negative side is connected."],
  ["ErrorCodes", "string[]", "", any, 0, daily, "The battery's error codes at present."],
  ["DCDC.Temperature", "float", "Celsius", any, 1, slow, "Temperature of the DC-DC converter to 12 V."],
  ["BatteryConditioning.IsOngoing", "boolean", "", any, 0, slow, "The pack is being heated or cooled."],
  ["Id", "string", "", any, 0, never, "Serial number of the pack."],
  ["GrossCapacity", "uint16", "kWh", any, 0, never, "Gross capacity."],
  ["NominalVoltage", "uint16", "V", any, 0, never, "Nominal voltage."],
])

const charging = branch("Vehicle.Powertrain.TractionBattery.Charging", [
  ["IsCharging", "boolean", "", any, 0, slow, "Energy flows from the charger."],
  ["IsDischarging", "boolean", "", any, 0, slow, "Energy flows to the charger or grid."],
  ["ChargeLimit", "uint8", "percent", percent, 1, daily, "State of charge at which charging shall end."],
  ["ChargeRate", "float", "km/h", any, 1, slow, "Range won an hour."],
  ["AveragePower", "float", "kW", any, 0.1, daily, "Average power of the current or last charge."],
  ["MaxPower", "float", "kW", any, 0.1, daily, "Highest power of the current or last charge."],
  ["TimeToComplete", "uint32", "s", any, 60, slow, "Time until the charge limit is reached."],
  ["Temperature", "float", "Celsius", any, 1, slow, "Temperature of the on-board charger."],
  ["ChargeVoltage.{DC,Phase1,Phase2,Phase3}", "float", "V", any, 1, live, "Voltage at the inlet (AC: rms)."],
  ["ChargeCurrent.{DC,Phase1,Phase2,Phase3}", "float", "A", any, 0.5, live, "Current at the inlet (AC: rms)."],
  ["ChargingPort.AnyPosition.IsChargingCableConnected", "boolean", "", any, 0, daily, "A cable is plugged in."],
  ["ChargingPort.AnyPosition.IsFlapOpen", "boolean", "", any, 0, daily, "The port's flap is open."],
  ["EvseId", "string", "", any, 0, daily, "Charging point of the current or last charge, ISO 15118-2."],
  ["Location.Latitude", "double", "degrees", between(-90, 90), 0.000_01, daily, "Latitude of this or the last charge."],
  ["Location.Longitude", "double", "degrees", between(-180, 180), 0.000_01, daily, "Its longitude."],
])

const chassis = branch("Vehicle.Chassis", [
  ["Accelerator.PedalPosition", "uint8", "percent", percent, 1, live, "Accelerator pedal; 100 is fully down."],
  ["Brake.PedalPosition", "uint8", "percent", percent, 1, live, "Brake pedal; 100 is fully down."],
  ["Brake.IsDriverEmergencyBrakingDetected", "boolean", "", any, 0, live, "The driver brakes in an emergency."],
  ["ParkingBrake.IsEngaged", "boolean", "", any, 0, daily, "The parking brake is on."],
  ["SteeringWheel.Angle", "int16", "degrees", any, 2, live, "Steering wheel; positive is to the left."],
])

// 3 kPa is about one step of a tyre's sensor, and half a per cent of a lorry's pressure, one of a car's.
const wheels = branch("Vehicle.Chassis.Axle.Row{1,2}.Wheel.{Left,Right}", [
  ["Speed", "float", "km/h", any, 0.5, live, "Speed at the rim."],
  ["Brake.PadWear", "uint8", "percent", upTo(100), 1, weekly, "Brake pad wear: 0 new, 100 worn."],
  ["Brake.IsBrakesWorn", "boolean", "", any, 0, weekly, "The brake pads are worn."],
  ["Brake.FluidLevel", "uint8", "percent", upTo(100), 1, weekly, "Brake fluid level."],
  ["Brake.IsFluidLevelLow", "boolean", "", any, 0, daily, "Brake fluid is low."],
  ["Tire.Pressure", "uint16", "kPa", any, 3, daily, "Tyre pressure."],
  ["Tire.IsPressureLow", "boolean", "", any, 0, daily, "Tyre pressure is low."],
  ["Tire.AirTemperature", "float", "Celsius", any, 1, daily, "Temperature of the air in the tyre."],
])

const body = branch("Vehicle.Body", [
  ["Hood.IsOpen", "boolean", "", any, 0, daily, "The hood is open."],
  ["Trunk.{Front,Rear}.IsOpen", "boolean", "", any, 0, daily, "The trunk is open."],
  ["Trunk.{Front,Rear}.IsLocked", "boolean", "", any, 0, daily, "The trunk is locked."],
  ["Lights.Beam.{Low,High}.IsOn", "boolean", "", any, 0, daily, "The headlights are on."],
  ["Lights.Beam.{Low,High}.IsDefect", "boolean", "", any, 0, daily, "A headlight is broken."],
  ["Lights.Brake.IsActive", "string", "", oneOf("INACTIVE", "ACTIVE", "ADAPTIVE"), 0, live, "Brake lights."],
  ["Lights.Brake.IsDefect", "boolean", "", any, 0, daily, "A brake light is broken."],
  ["Lights.Hazard.IsSignaling", "boolean", "", any, 0, daily, "Hazard lights blink."],
  ["Raindetection.Intensity", "uint8", "percent", upTo(100), 5, slow, "Rain: 0 dry, 100 covered."],
  ["Windshield.Front.WasherFluid.IsLevelLow", "boolean", "", any, 0, weekly, "Washer fluid is low."],
  ["Windshield.Front.Wiping.WiperWear", "uint8", "percent", upTo(100), 1, weekly, "Wiper wear: 0 new, 100 worn."],
])

const cabin = branch("Vehicle.Cabin", [
  ["Door.Row{1,2}.{DriverSide,PassengerSide}.IsOpen", "boolean", "", any, 0, daily, "The door is open."],
  ["Door.Row{1,2}.{DriverSide,PassengerSide}.IsLocked", "boolean", "", any, 0, daily, "The door is locked."],
  ["Door.Row{1,2}.{DriverSide,PassengerSide}.Window.IsOpen", "boolean", "", any, 0, daily, "The window is open."],
  ["Seat.Row{1,2}.{DriverSide,Middle,PassengerSide}.OccupancyStatus", "string", "",
    oneOf("UNKNOWN", "OCCUPIED", "EMPTY"), 0, daily, "Whether someone sits there."],
  ["Seat.Row{1,2}.{DriverSide,Middle,PassengerSide}.IsBelted", "boolean", "", any, 0, daily,
    "The seat belt is fastened."],
  ["Seat.Row{1,2}.{DriverSide,Middle,PassengerSide}.Airbag.IsDeployed", "boolean", "", any, 0, daily,
    "The airbag has gone off."],
  ["HVAC.AmbientAirTemperature", "float", "Celsius", any, 0.5, slow, "Air temperature in the cabin."],
  ["HVAC.IsAirConditioningActive", "boolean", "", any, 0, daily, "Air conditioning is on."],
  ["HVAC.Station.Row1.{Driver,Passenger}.Temperature", "float", "Celsius", any, 0.5, daily, "Temperature asked for."],
  ["HVAC.Station.Row1.{Driver,Passenger}.FanSpeed", "uint8", "percent", percent, 5, daily, "Fan; 0 is off."],
])

const adas = branch("Vehicle.ADAS", [
  ["ActiveAutonomyLevel", "string", "", oneOf(
    "SAE_0", "SAE_1", "SAE_2_DISENGAGING", "SAE_2", "SAE_3_DISENGAGING", "SAE_3",
    "SAE_4_DISENGAGING", "SAE_4", "SAE_5_DISENGAGING", "SAE_5",
  ), 0, live, "Level of driving automation in use, SAE J3016."],
  ["{ABS,ESC,TCS,EBA}.IsEngaged", "boolean", "", any, 0, live, "The system is stepping in at this moment."],
  ["{ABS,ESC,TCS,EBA}.IsError", "boolean", "", any, 0, daily, "The system has a fault."],
  ["CruiseControl.IsActive", "boolean", "", any, 0, live, "Cruise control holds the speed."],
  ["CruiseControl.SpeedSet", "float", "km/h", any, 1, live, "Speed that cruise control shall hold."],
  ["LaneDepartureDetection.IsWarning", "boolean", "", any, 0, live, "The vehicle is leaving its lane."],
])

const people = branch("Vehicle", [
  ["Driver.AttentiveProbability", "float", "percent", percent, 5, live, "How likely the driver is attentive."],
  ["Driver.DistractionLevel", "float", "percent", percent, 5, live, "How distracted the driver is."],
  ["Driver.FatigueLevel", "float", "percent", percent, 5, live, "How tired the driver is."],
  ["Driver.IsHandsOnWheel", "boolean", "", any, 0, live, "Hands are on the wheel."],
  ["Occupant.Row1.DriverSide.Identifier.Subject", "string", "", any, 0, daily, "Who drives, as the issuer knows them."],
  ["Occupant.Row1.DriverSide.Identifier.Issuer", "string", "", any, 0, daily, "Who vouches for that identity."],
])

export const standardSignals: ReadonlyArray<SignalDefinition> = [
  motion, location, surroundings, identification, service, lowVoltage,
  powertrain, electricMotor, combustionEngine, fuelSystem, transmission, tractionBattery, charging,
  chassis, wheels, body, cabin, adas, people,
].flat()
