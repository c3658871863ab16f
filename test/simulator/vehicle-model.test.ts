import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { hasCheckDigit, isVin } from "../../domain/vehicle/vin.ts"
import { chargeFor } from "../../src/simulator/battery.ts"
import { hardestBraking } from "../../src/simulator/driver.ts"
import { makes } from "../../src/simulator/makes.ts"
import * as Random from "../../src/simulator/random.ts"
import { addSlow, readFast } from "../../src/simulator/readings.ts"
import { member } from "../../src/simulator/roster.ts"
import { advance, make, type Vehicle } from "../../src/simulator/vehicle-model.ts"

const start = Date.parse("2026-03-02T06:00:00Z")

const vehicleOf = (seed: number, index = 0): Vehicle =>
  make(member(seed, index, true).origin, Random.make(seed, `drive ${index}`), start)

const anyVehicle = fc.record({ seed: fc.nat(), index: fc.nat(999) }).map(({ seed, index }) => vehicleOf(seed, index))

/** Great-circle distance on the sphere that has the model's metres a degree. */
const distance = (a: Place, b: Place): number => {
  const radians = Math.PI / 180
  const radius = 111_320 / radians
  const h = Math.sin(((b.latitude - a.latitude) * radians) / 2) ** 2 +
    Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) *
      Math.sin(((b.longitude - a.longitude) * radians) / 2) ** 2
  return 2 * radius * Math.asin(Math.sqrt(h))
}
interface Place {
  readonly latitude: number
  readonly longitude: number
}

describe("a simulated vehicle", () => {
  it("never goes backwards, and accelerates and brakes within what vehicle and driver can do", () => {
    fc.assert(fc.property(anyVehicle, (vehicle) => {
      let before = vehicle.speed
      for (let i = 0; i < 7_200; i++) {
        advance(vehicle, 1)
        expect(vehicle.speed).toBeGreaterThanOrEqual(0)
        expect(vehicle.speed).toBeLessThanOrEqual(vehicle.origin.make.topSpeed)
        expect(vehicle.speed - before).toBeLessThanOrEqual(vehicle.origin.make.maxAcceleration + 1e-9)
        expect(vehicle.speed - before).toBeGreaterThanOrEqual(-hardestBraking - 1e-9)
        before = vehicle.speed
      }
    }), { numRuns: 10 })
  })

  it("has an odometer that never falls and agrees with the integral of its speed within 1 %", () => {
    fc.assert(fc.property(anyVehicle, (vehicle) => {
      const from = vehicle.odometer
      let integral = 0
      let before = { speed: vehicle.speed, odometer: vehicle.odometer }
      for (let i = 0; i < 7_200; i++) {
        advance(vehicle, 1)
        integral += (vehicle.speed + before.speed) / 2
        expect(vehicle.odometer).toBeGreaterThanOrEqual(before.odometer)
        before = { speed: vehicle.speed, odometer: vehicle.odometer }
      }
      expect(Math.abs(vehicle.odometer - from - integral)).toBeLessThanOrEqual(integral * 0.01)
    }), { numRuns: 10 })
  })

  it("moves over the map as far as its odometer says on a straight leg, and never further", () => {
    fc.assert(fc.property(anyVehicle, (vehicle) => {
      let straight = 0
      for (let i = 0; i < 3_600; i++) {
        const { latitude, longitude, odometer, heading } = vehicle
        advance(vehicle, 1)
        const moved = distance({ latitude, longitude }, vehicle)
        const driven = vehicle.odometer - odometer
        expect(moved).toBeLessThanOrEqual(driven * 1.001 + 0.001)
        if (vehicle.heading !== heading) continue
        straight++
        expect(moved).toBeGreaterThanOrEqual(driven * 0.999 - 0.001)
      }
      expect(straight).toBeGreaterThan(1_000)
    }), { numRuns: 10 })
  })

  it("drives, parks and charges within a week, with battery and tyres in their bounds", () => {
    fc.assert(fc.property(anyVehicle, (vehicle) => {
      const seen = new Set<string>()
      for (let i = 0; i < 7 * 24 * 60; i++) {
        advance(vehicle, 60)
        seen.add(vehicle.activity._tag)
        expect(vehicle.battery.charge).toBeGreaterThan(0)
        expect(vehicle.battery.charge).toBeLessThanOrEqual(1)
        expect(vehicle.battery.temperature).toBeGreaterThan(-25)
        expect(vehicle.battery.temperature).toBeLessThan(50)
        expect(vehicle.battery.voltage).toBeGreaterThan(2.7 * vehicle.origin.make.cells)
        expect(vehicle.battery.voltage).toBeLessThan(4.21 * vehicle.origin.make.cells)
        expect(vehicle.lowVoltage).toBeGreaterThan(11)
        expect(vehicle.lowVoltage).toBeLessThan(15)
      }
      expect([...seen].toSorted()).toEqual(expect.arrayContaining(["Charging", "Driving", "Parked"]))
    }), { numRuns: 5 })
  }, 60_000)

  it("uses as much energy as such vehicles do: 10 to 45 kWh for 100 km", () => {
    fc.assert(fc.property(anyVehicle, (vehicle) => {
      const from = vehicle.odometer
      let used = 0
      for (let i = 0; i < 4 * 3_600; i++) {
        advance(vehicle, 1)
        if (vehicle.activity._tag !== "Driving") continue
        used -= (vehicle.battery.current * vehicle.battery.voltage) / 3_600_000
      }
      const kilometres = (vehicle.odometer - from) / 1_000
      fc.pre(kilometres > 20)
      expect((used / kilometres) * 100).toBeGreaterThan(10)
      expect((used / kilometres) * 100).toBeLessThan(45)
    }), { numRuns: 10 })
  })

  it("sends readings that the catalogue accepts, at any time of a week", () => {
    fc.assert(fc.property(anyVehicle, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (vehicle, noise) => {
      for (let i = 0; i < 7 * 24 * 6; i++) {
        const readings = readFast(vehicle)
        addSlow(readings, vehicle, noise)
        for (const [path, value] of Object.entries(readings)) {
          expect(catalogue.get(path)?.accepts(value), `${path} = ${value}`).toBe(true)
        }
        advance(vehicle, 600)
      }
    }), { numRuns: 10 })
  }, 60_000)

  it("is the same one for the same seed, and another one for another", () => {
    const [one, same, other] = [vehicleOf(7), vehicleOf(7), vehicleOf(8)]
    for (const vehicle of [one, same, other]) advance(vehicle, 3_600)
    expect(same).toEqual({ ...one, random: same.random })
    expect(readFast(other)).not.toEqual(readFast(one))
  })
})

describe("a charge", () => {
  it("holds the current until the cells are at their highest voltage, and tapers there", () => {
    for (const model of makes) {
      const battery = { charge: 0.1, temperature: 20, current: 0, voltage: 0 }
      const samples: Array<{ readonly current: number; readonly voltage: number }> = []
      while (chargeFor(battery, model, "dc", 1, 20, 10)) samples.push({ ...battery })
      const highest = 4.2 * model.cells
      const constant = samples.filter(({ current }) => current === model.dcCurrent)
      const tapering = samples.slice(constant.length)
      expect(constant.length).toBeGreaterThan(60)
      expect(tapering.length).toBeGreaterThan(60)
      for (const [i, { current, voltage }] of tapering.entries()) {
        expect(current).toBeLessThan((tapering[i - 1] ?? { current: model.dcCurrent }).current)
        expect(Math.abs(voltage - highest)).toBeLessThan(1)
      }
      expect(battery.charge).toBeGreaterThan(0.95)
    }
  })
})

describe("a fleet's roster", () => {
  it("has valid VINs with their check digit, none of them twice", () => {
    const vins = Array.from({ length: 5_000 }, (_, index) => member(3, index, true).vin)
    expect(vins.every((vin) => isVin(vin) && hasCheckDigit(vin))).toBe(true)
    expect(new Set(vins).size).toBe(vins.length)
  })

  it("has several brands, models and cities among a few dozen vehicles", () => {
    const origins = Array.from({ length: 40 }, (_, index) => member(1, index, false).origin)
    expect(new Set(origins.map(({ make: { model } }) => model)).size).toBe(makes.length)
    expect(new Set(origins.map(({ city }) => city.name)).size).toBe(3)
  })

  it("has depots, and in a troubled fleet a few vehicles whose pads are worn or whose insulation is damp", () => {
    const [sound, troubled] = [false, true].map((withTroubles) =>
      Array.from({ length: 300 }, (_, index) => member(1, index, withTroubles)))
    const depots = new Set(sound?.map(({ depot }) => depot))
    expect(depots.size).toBe(6)
    const ill = (members = sound) => ({
      pads: members?.filter(({ origin }) => origin.padWear[0] > 85).length,
      insulation: members?.filter(({ origin }) => origin.insulation < 200).length,
    })
    expect(ill(sound)).toEqual({ pads: 0, insulation: 0 })
    const { insulation, pads } = ill(troubled)
    expect([pads, insulation]).toEqual([expect.closeTo(25, -1.5), expect.closeTo(12, -1.5)])
    expect(troubled?.map(({ depot, vin }) => [depot, vin])).toEqual(sound?.map(({ depot, vin }) => [depot, vin]))
  })

  it("has services fall due within two minutes in some of the vehicles of a troubled fleet", () => {
    const vehicles = Array.from({ length: 50 }, (_, index) => member(1, index, true))
      .filter(({ nearService }) => nearService)
      .map(({ origin }, index) => make(origin, Random.make(1, `drive ${index}`), start))
    for (const vehicle of vehicles) advance(vehicle, 120)
    const due = vehicles.filter((vehicle) => {
      const readings = readFast(vehicle)
      addSlow(readings, vehicle, 0.5)
      return readings["Vehicle.Service.IsServiceDue"] === true
    })
    expect(due.length).toBeGreaterThanOrEqual(3)
  })
})
