/** A cell's text to a value of its signal, as the mapping says. Called for every cell of a file. Pure. */
import { checkValue, isNumeric, type SignalDefinition, type SignalScalar } from "../../domain/signals/signal.ts"
import type { SignalMapping } from "./csv-mapping.ts"

/** What is wrong with a cell. */
export class Unread {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }

  /** For a value that the signal does not take; `isElement`: the array is of one cell alone. */
  static of(signal: SignalDefinition, value: unknown, isElement: boolean): Unread {
    const message = checkValue(signal, value)?.message ?? `${signal.path}: not a value of it`
    return new Unread(isElement ? message.replace("[0]:", ":") : message)
  }
}

/** Undefined where the cell means no reading. */
export type ReadCell = (text: string) => SignalScalar | undefined | Unread

export const cellReader = (signal: SignalDefinition, mapping: SignalMapping, decimal: "." | ","): ReadCell => {
  const isElement = signal.type.endsWith("[]")
  const accepts = isElement ? (value: SignalScalar) => signal.accepts([value]) : signal.accepts
  const unread = (value: SignalScalar, text: string): Unread => {
    const { reason } = Unread.of(signal, isElement ? [value] : value, isElement)
    return new Unread(String(value) === text ? reason : `${reason}, from ${JSON.stringify(text.slice(0, 60))}`)
  }
  const { skip = [], values } = mapping
  const skipped = new Set(skip)
  if (values !== undefined) {
    // A code may be written 3 here and 3.0 there.
    const keyOf = (text: string): string => String(numberOf(text, decimal) ?? text)
    const known = new Map(Object.entries(values).map(([text, value]) => [keyOf(text), value]))
    return (text) => {
      const trimmed = text.trim()
      if (trimmed === "" || skipped.has(trimmed)) return undefined
      const value = known.get(keyOf(trimmed))
      if (value !== undefined) return value ?? undefined
      const expected = oneOf(Object.keys(values))
      return new Unread(`${signal.path}: found ${JSON.stringify(trimmed.slice(0, 60))}, expected ${expected}`)
    }
  }
  if (isNumeric(signal.type)) {
    const skippedNumbers = new Set(skip.map((text) => numberOf(text, decimal)))
    const { offset = 0, round, scale = 1 } = mapping
    const places = round === undefined ? undefined : 10 ** round
    return (text) => {
      const number = numberOf(text, decimal)
      if (number === undefined) {
        const trimmed = text.trim()
        return trimmed === "" || skipped.has(trimmed) ? undefined : unread(trimmed, trimmed)
      }
      if (skippedNumbers.has(number)) return undefined
      // Plus zero: of −0, which JSON has no word for, it makes 0.
      const scaled = number * scale + offset
      const value = (places === undefined ? scaled : Math.round(scaled * places) / places) + 0
      return accepts(value) ? value : unread(value, text.trim())
    }
  }
  const convert = signal.type.startsWith("boolean")
    ? (text: string): SignalScalar => booleans.get(text.toLowerCase()) ?? text
    : (text: string): SignalScalar => text
  return (text) => {
    const trimmed = text.trim()
    if (trimmed === "" || skipped.has(trimmed)) return undefined
    const value = convert(trimmed)
    if (!accepts(value)) return unread(value, trimmed)
    // A log of ours cannot keep it.
    return trimmed.includes("\0") ? new Unread(`${signal.path}: the text has a NUL in it`) : value
  }
}

const booleans: ReadonlyMap<string, boolean> = new Map([["true", true], ["false", false], ["1", true], ["0", false]])

const shownChoices = 12

const oneOf = (keys: ReadonlyArray<string>): string => {
  const named = keys.slice(0, shownChoices).map((key) => JSON.stringify(key)).join(", ")
  const more = keys.length - shownChoices
  return `one of ${named}${more > 0 ? ` or ${more} more` : ""}, as the mapping's "values" has it`
}

const decimalNumber = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i

/** Undefined for what is not a decimal number, such as an empty text. */
const numberOf = (text: string, decimal: "." | ","): number | undefined => {
  if (decimal === ".") return decimalNumber.test(text) ? Number(text) : undefined
  const pointed = text.includes(".") ? "" : text.replace(",", ".")
  return decimalNumber.test(pointed) ? Number(pointed) : undefined
}
