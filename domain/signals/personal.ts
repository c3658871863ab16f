/**
 * Which signals say where the vehicle is, or who is in it and what they do there. The VIN is not among them: it is the
 * key of everything stored, so hiding it in a reading would hide nothing.
 */
const branches = [
  "Vehicle.CurrentLocation",
  "Vehicle.Powertrain.TractionBattery.Charging.Location",
  // A charging point's id is a place.
  "Vehicle.Powertrain.TractionBattery.Charging.EvseId",
  "Vehicle.Cabin.Infotainment.Navigation.DestinationSet",
  "Vehicle.Cabin.Infotainment.Media",
  "Vehicle.Driver",
  "Vehicle.Occupant",
  "Vehicle.VehicleIdentification.LicensePlate",
]

export const isPersonal = (path: string): boolean =>
  branches.some((branch) => path === branch || path.startsWith(`${branch}.`))
