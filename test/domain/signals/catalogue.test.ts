import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { catalogue, make, withRelease } from "../../../domain/signals/catalogue.ts"
import { distanceWithin } from "../../../domain/signals/nearest-path.ts"
import { overlay } from "../../../domain/signals/overlay.ts"
import { define, isNumeric } from "../../../domain/signals/signal.ts"
import { standardSignals } from "../../../domain/signals/standard-signals.ts"

const signal = (path: string, description = "") =>
  define({ path, type: "float", deadband: 0, staleAfter: 1, personal: false, description })

const personal = (path: string) => catalogue.get(path)?.personal

describe("the catalogue", () => {
  it("holds each standard and each overlay signal once", () => {
    expect(catalogue.size).toBe(standardSignals.length + overlay.length)
    expect(catalogue.all).toEqual([...standardSignals, ...overlay])
    for (const definition of catalogue.all) expect(catalogue.get(definition.path)).toBe(definition)
    expect(catalogue.get("Vehicle.OBD.Speed")).toBeUndefined()
    expect(catalogue.get("constructor")).toBeUndefined()
  })

  it("keeps the overlay under Vehicle.Twin and nothing else there", () => {
    expect(overlay.filter(({ path }) => !path.startsWith("Vehicle.Twin."))).toEqual([])
    expect(standardSignals.filter(({ path }) => path.startsWith("Vehicle.Twin."))).toEqual([])
  })

  it("has a deadband only where values have a size, and a staleness throughout", () => {
    const wrong = catalogue.all.filter(({ type, unit, deadband, staleAfter, description }) =>
      !(deadband >= 0 && Number.isFinite(deadband)) ||
      (deadband > 0 && !isNumeric(type)) ||
      // A measured quantity is never quite still.
      (deadband === 0 && type === "float" && unit !== undefined && staleAfter !== Infinity) ||
      !(staleAfter > 0) ||
      !description.endsWith(".")
    )
    expect(wrong).toEqual([])
  })

  it("takes position, driver and place of charging to be personal, and nothing about the machine", () => {
    expect(personal("Vehicle.CurrentLocation.Latitude")).toBe(true)
    expect(personal("Vehicle.Powertrain.TractionBattery.Charging.Location.Longitude")).toBe(true)
    expect(personal("Vehicle.Driver.FatigueLevel")).toBe(true)
    expect(personal("Vehicle.Occupant.Row1.DriverSide.Identifier.Subject")).toBe(true)
    expect(personal("Vehicle.Speed")).toBe(false)
    expect(personal("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current")).toBe(false)
    expect(personal("Vehicle.Cabin.Door.Row1.DriverSide.IsOpen")).toBe(false)
  })

  it("checks readings", () => {
    const pressure = catalogue.get("Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure")
    expect([240, 240.5, -1].map((value) => pressure?.accepts(value))).toEqual([true, false, false])
  })

  it("lets the later of two definitions hold", () => {
    const two = make([signal("Vehicle.A", "first"), signal("Vehicle.B"), signal("Vehicle.A", "second")])
    expect(two.size).toBe(2)
    expect(two.get("Vehicle.A")?.description).toBe("second")
    expect(two.all.map(({ path }) => path)).toEqual(["Vehicle.A", "Vehicle.B"])
  })
})

describe("a catalogue widened by a release", () => {
  const release = [
    define({ ...signal("Vehicle.Speed", "theirs"), unit: "m/s", deadband: 99 }),
    signal("Vehicle.Rare"),
    define({ ...signal("Vehicle.Twin.Alarm.Level"), type: "string" }),
  ]
  const widened = withRelease(release)

  it("has what the release says of a signal, with the deadband and staleness chosen here", () => {
    const ours = catalogue.get("Vehicle.Speed")
    expect(widened.get("Vehicle.Speed")).toMatchObject({
      unit: "m/s",
      description: "theirs",
      deadband: ours?.deadband,
      staleAfter: ours?.staleAfter,
    })
    expect(widened.get("Vehicle.Rare")).toBe(release[1])
  })

  it("knows all that the default catalogue knows, the overlay unchanged", () => {
    expect(widened.size).toBe(catalogue.size + 1)
    expect(widened.get("Vehicle.Twin.Alarm.Level")?.type).toBe("uint8")
  })
})

/** The textbook table, whole. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      )
    }
    row = next
  }
  return row[b.length] ?? 0
}

describe("help with an unknown path", () => {
  it("finds the path that was meant", () => {
    const meant = {
      "vehicle.speed": "Vehicle.Speed",
      "Vehicle/Speed": "Vehicle.Speed",
      "Speed": "Vehicle.Speed",
      "Vehicle.Sped": "Vehicle.Speed",
      "Vehicle.CurrentLocation.Lattitude": "Vehicle.CurrentLocation.Latitude",
      "Vehicle.Powertrain.TractionBattery.Voltage": "Vehicle.Powertrain.TractionBattery.CurrentVoltage",
      "Vehicle.TractionBattery.StateOfCharge.Current": "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
      "Vehicle.Chassis.Axle.Row1.Left.Tire.Pressure": "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure",
      "Vehicle.Twin.InsulationResistance": "Vehicle.Twin.TractionBattery.InsulationResistance",
    }
    const found = Object.keys(meant).map((path) => [path, catalogue.suggest(path)])
    expect(Object.fromEntries(found)).toEqual(meant)
  })

  it("says nothing where nothing is near", () => {
    for (const path of ["", ".", "Flux.Capacitor.Charge", "x".repeat(1_000_000)]) {
      expect(catalogue.suggest(path)).toBeUndefined()
    }
  })

  it("finds a known path through any one wrong letter", () => {
    fc.assert(fc.property(fc.constantFrom(...catalogue.all), fc.nat(), ({ path }, place) => {
      const at = place % path.length
      const wrong = `${path.slice(0, at)}#${path.slice(at + 1)}`
      const found = catalogue.suggest(wrong)
      // Instances differ by a letter too (Row1, Row2), so the answer may be a neighbour, but one no further away.
      expect(found).toBeDefined()
      expect(distanceWithin(wrong, found ?? "", 2)).toBeLessThanOrEqual(2)
    }))
  })

  it("never throws, and names only paths it knows", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (path) => {
      const found = catalogue.suggest(path)
      expect(found === undefined || catalogue.get(found) !== undefined).toBe(true)
      expect(catalogue.suggest(path)).toBe(found)
    }))
  })

  it("measures the edit distance as the whole table would, up to the limit", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 })
    fc.assert(fc.property(word, word, fc.nat({ max: 8 }), (a, b, limit) => {
      expect(distanceWithin(a, b, limit)).toBe(Math.min(distance(a, b), limit + 1))
    }), { numRuns: 3000 })
  })
})
