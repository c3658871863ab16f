import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Vin from "../../../domain/vehicle/vin.ts"

const message = (text: string) => Result.match(Vin.parse(text), { onFailure: (error) => error.message, onSuccess: String })
const vinOf = (text: string) => Result.getOrThrow(Vin.parse(text))

describe("a VIN", () => {
  it("has 17 digits and capital letters but I, O and Q", () => {
    expect(message("1M8GDM9AXKP042788")).toBe("1M8GDM9AXKP042788")
    for (const wrong of ["", "1M8GDM9AXKP04278", "1M8GDM9AXKP0427888", "1m8gdm9axkp042788", "IM8GDM9AXKP042788",
      "1M8GDM9AXKP04278\n", "1M8GDM9AXKP042788\n", "１M8GDM9AXKP04278", "1M8GDM9AXKP04278😀"]) {
      expect(Vin.isVin(wrong), JSON.stringify(wrong)).toBe(false)
      expect(Result.isFailure(Vin.parse(wrong)), JSON.stringify(wrong)).toBe(true)
    }
  })

  it("that is wrong is told what is wrong, and where", () => {
    expect(message("ABC")).toBe("\"ABC\" has 3 characters; a VIN has 17")
    expect(message("1M8GDM9OXKP042788")).toBe(
      "\"1M8GDM9OXKP042788\" has \"O\" at place 8; a VIN has digits and the capital letters but I, O and Q",
    )
    expect(message("x".repeat(1_000_000)).length).toBeLessThan(200)
  })

  it("has the check digit that the law's examples have", () => {
    // Worked examples that are known to be right; the second has 10, written X.
    for (const vin of ["11111111111111111", "1M8GDM9AXKP042788", "5GZCZ43D13S812715"]) {
      expect(Vin.checkDigit(vinOf(vin)), vin).toBe(vin.charAt(8))
      expect(Vin.hasCheckDigit(vinOf(vin)), vin).toBe(true)
    }
    expect(Vin.hasCheckDigit(vinOf("1M8GDM9A1KP042788"))).toBe(false)
  })

  it("is taken with any check digit, and has just one that is right", () => {
    const characters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    const text = fc.string({ unit: fc.constantFrom(...characters), minLength: 17, maxLength: 17 })
    fc.assert(fc.property(text, (vin) => {
      const right = [..."0123456789X"].filter((digit) => Vin.hasCheckDigit(vinOf(`${vin.slice(0, 8)}${digit}${vin.slice(9)}`)))
      expect(right).toHaveLength(1)
    }))
  })
})
