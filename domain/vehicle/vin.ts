/**
 * The vehicle identification number, ISO 3779: 17 characters, no I, O or Q. The ninth is a check digit where the law
 * asks for one (North America, China); elsewhere it is free, so a wrong one is reported and not refused.
 */
import { type Brand, Result } from "effect"

export type Vin = string & Brand.Brand<"Vin">

export interface InvalidVin {
  readonly _tag: "InvalidVin"
  readonly message: string
}

const form = /^[A-HJ-NPR-Z0-9]{17}$/

export const isVin = (text: string): text is Vin => form.test(text)

export const parse = (text: string): Result.Result<Vin, InvalidVin> => {
  if (isVin(text)) return Result.succeed(text)
  const shown = JSON.stringify(text.slice(0, 40))
  const wrong = /[^A-HJ-NPR-Z0-9]/.exec(text)
  return Result.fail({
    _tag: "InvalidVin",
    message: text.length !== 17
      ? `${shown} has ${text.length} characters; a VIN has 17`
      : `${shown} has ${JSON.stringify(wrong?.[0])} at place ${(wrong?.index ?? 0) + 1}; a VIN has digits and the capital letters but I, O and Q`,
  })
}

const values: Record<string, number> = {
  A: 1, B: 2, C: 3, D: 4, E: 5, F: 6, G: 7, H: 8, J: 1, K: 2, L: 3, M: 4, N: 5, P: 7, R: 9,
  S: 2, T: 3, U: 4, V: 5, W: 6, X: 7, Y: 8, Z: 9,
}
const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]

/** The check digit that the other sixteen characters ask for: `0`–`9` or `X` (49 CFR 565.15; GB 16735). */
export const checkDigit = (vin: Vin): string => {
  let sum = 0
  for (let i = 0; i < 17; i++) {
    const character = vin.charAt(i)
    sum += (values[character] ?? Number(character)) * (weights[i] ?? 0)
  }
  const rest = sum % 11
  return rest === 10 ? "X" : String(rest)
}

export const hasCheckDigit = (vin: Vin): boolean => vin.charAt(8) === checkDigit(vin)
