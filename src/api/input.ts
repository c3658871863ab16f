/** Checks of what a schema cannot say. They throw `BAD_INPUT`. */
import { Result } from "effect"
import { parse, type Vin } from "../../domain/vehicle/vin.ts"
import { badInput } from "./errors.ts"

/** A list is part of a query's parameters, and of what a subscriber costs. */
export const maxListed = 1_000

export const checkedList = <A>(name: string, values: ReadonlyArray<A>): ReadonlyArray<A> => {
  if (values.length > maxListed) throw badInput(`\`${name}\` has ${values.length} values; it may have ${maxListed}`)
  return values
}

export const checkedVin = (text: string): Vin =>
  Result.getOrThrowWith(parse(text), ({ message }) => badInput(message))

export const checkedText = (name: string, text: string, max: number): string => {
  if (text.trim() === "") throw badInput(`\`${name}\` is empty`)
  if (text.length > max) throw badInput(`\`${name}\` has ${text.length} characters; it may have ${max}`)
  return text
}
