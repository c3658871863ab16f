/**
 * What is known of a signal before any vehicle sends it, and whether a value can be one of its readings. Values are
 * checked on the way in, so the check is compiled once a signal; why a value was refused is worked out only then.
 */

const scalarTypes = [
  "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float", "double", "boolean", "string",
] as const
export type ScalarType = (typeof scalarTypes)[number]
/** The datatypes of VSS; those of structs are left out. */
export type DataType = ScalarType | `${ScalarType}[]`

export type SignalScalar = number | string | boolean
export type SignalValue = SignalScalar | ReadonlyArray<SignalScalar>

export interface Signal {
  /** As in VSS 6.0, instances written out: `Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure`. */
  readonly path: string
  readonly type: DataType
  /** By its VSS name, such as `km/h`, `Celsius`, `percent`. */
  readonly unit?: string
  /** Smallest value allowed, in `unit`; of an array, each element's. */
  readonly min?: number
  /** Largest value allowed, in `unit`; of an array, each element's. */
  readonly max?: number
  /** The only values allowed; of an array, each element's. */
  readonly allowed?: ReadonlyArray<SignalScalar>
  /** The smallest change that a reader of a change feed cares about, in `unit`. 0: any change counts. */
  readonly deadband: number
  /** A value older than this is STALE when read, ms. Infinity (which JSON has no word for): it never is. */
  readonly staleAfter: number
  /** Says where the vehicle is or who is in it: kept apart, so that it can be erased. See `personal.ts`. */
  readonly personal: boolean
  readonly description: string
}

export interface SignalDefinition extends Signal {
  /** Whether a value is of the signal's type and within its limits. */
  readonly accepts: (value: unknown) => value is SignalValue
}

export type InvalidValueReason = "WrongType" | "OutOfTypeRange" | "OutOfRange" | "NotAllowed"

export interface InvalidValue {
  readonly _tag: "InvalidValue"
  readonly path: string
  readonly reason: InvalidValueReason
  /** Where in an array the first value stands that was refused. */
  readonly index?: number
  /** Names the path, what was found (cut short) and what is expected. */
  readonly message: string
}

const largestFloat = (2 - 2 ** -23) * 2 ** 127

/**
 * The range of each numeric type. A JSON number is exact up to 2^53 − 1, so the 64-bit integers end there; a `float`
 * is single precision, but is kept with the digits it came with.
 */
const typeRanges: Partial<Record<ScalarType, readonly [min: number, max: number]>> = {
  uint8: [0, 2 ** 8 - 1],
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint16: [0, 2 ** 16 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint32: [0, 2 ** 32 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  float: [-largestFloat, largestFloat],
  double: [-Number.MAX_VALUE, Number.MAX_VALUE],
}

const dataTypes: ReadonlySet<string> = new Set(scalarTypes.flatMap((type) => [type, `${type}[]`]))
export const isDataType = (name: string): name is DataType => dataTypes.has(name)

const isArrayType = (type: DataType): boolean => type.endsWith("[]")
const elementType = (type: DataType): ScalarType => type.replace("[]", "") as ScalarType
const isWhole = (type: ScalarType): boolean => type.includes("int")

/** Whether values of the type have a size: limits and a deadband mean something. */
export const isNumeric = (type: DataType): boolean => typeRanges[elementType(type)] !== undefined

const isAnyOf = (allowed: ReadonlyArray<SignalScalar>): (value: unknown) => boolean => {
  const values: ReadonlySet<unknown> = new Set(allowed)
  return (value) => values.has(value)
}

const compileScalar = (signal: Signal): (value: unknown) => boolean => {
  const type = elementType(signal.type)
  const range = typeRanges[type]
  if (range !== undefined) {
    const min = Math.max(range[0], signal.min ?? -Infinity)
    const max = Math.min(range[1], signal.max ?? Infinity)
    // Both comparisons are false for NaN.
    const within = isWhole(type)
      ? (value: unknown) => typeof value === "number" && value >= min && value <= max && Number.isInteger(value)
      : (value: unknown) => typeof value === "number" && value >= min && value <= max
    if (signal.allowed === undefined) return within
    const listed = isAnyOf(signal.allowed)
    return (value) => within(value) && listed(value)
  }
  const listed = signal.allowed === undefined ? undefined : isAnyOf(signal.allowed)
  if (type === "boolean") {
    return listed === undefined
      ? (value) => typeof value === "boolean"
      : (value) => typeof value === "boolean" && listed(value)
  }
  return listed === undefined
    ? (value) => typeof value === "string"
    : (value) => typeof value === "string" && listed(value)
}

/** Compiles the signal's check. */
export const define = (signal: Signal): SignalDefinition => {
  const one = compileScalar(signal)
  if (!isArrayType(signal.type)) return { ...signal, accepts: (value): value is SignalValue => one(value) }
  return {
    ...signal,
    accepts: (value): value is SignalValue => {
      if (!Array.isArray(value)) return false
      for (let i = 0; i < value.length; i++) if (!one(value[i])) return false
      return true
    },
  }
}

/** Nothing if the value can be a reading of the signal, else why it cannot. */
export const checkValue = (definition: SignalDefinition, value: unknown): InvalidValue | undefined =>
  definition.accepts(value) ? undefined : refusal(definition, value)

const shownLength = 40
const shownChoices = 8

const shown = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return value.length <= shownLength
        ? JSON.stringify(value)
        : `${JSON.stringify(value.slice(0, shownLength))}… (${value.length} characters)`
    case "number":
    case "boolean":
    case "undefined":
      return String(value)
    case "object":
      if (value === null) return "null"
      return Array.isArray(value) ? `an array of ${value.length}` : "an object"
    default:
      return `a ${typeof value}`
  }
}

const typeNoun = (type: ScalarType): string => {
  if (isWhole(type)) return `a whole number (${type})`
  if (type === "boolean") return "true or false"
  return type === "string" ? "a string" : `a number (${type})`
}

const rangeNoun = (min: number | undefined, max: number | undefined, unit: string | undefined): string => {
  const suffix = unit === undefined ? "" : ` ${unit}`
  if (min === undefined) return `at most ${max}${suffix}`
  return max === undefined ? `at least ${min}${suffix}` : `${min} to ${max}${suffix}`
}

const choices = (allowed: ReadonlyArray<SignalScalar>): string => {
  const named = allowed.slice(0, shownChoices).map(shown).join(", ")
  return allowed.length <= shownChoices ? `one of ${named}` : `one of ${named} or ${allowed.length - shownChoices} more`
}

const refusal = (definition: SignalDefinition, value: unknown): InvalidValue => {
  const { path, type } = definition
  if (!isArrayType(type)) return scalarRefusal(definition, value, undefined)
  if (!Array.isArray(value)) {
    return {
      _tag: "InvalidValue",
      path,
      reason: "WrongType",
      message: `${path}: found ${shown(value)}, expected an array (${type})`,
    }
  }
  const one = compileScalar(definition)
  const index = value.findIndex((element) => !one(element))
  return scalarRefusal(definition, value[index], index)
}

const scalarRefusal = (definition: SignalDefinition, value: unknown, index: number | undefined): InvalidValue => {
  const { path, unit, min, max, allowed } = definition
  const type = elementType(definition.type)
  const range = typeRanges[type]
  const refuse = (reason: InvalidValueReason, expected: string): InvalidValue => ({
    _tag: "InvalidValue",
    path,
    reason,
    ...(index === undefined ? undefined : { index }),
    message: `${path}${index === undefined ? "" : `[${index}]`}: found ${shown(value)}, expected ${expected}`,
  })
  if (range === undefined) {
    if (typeof value !== type) return refuse("WrongType", typeNoun(type))
    return refuse("NotAllowed", choices(allowed ?? []))
  }
  if (typeof value !== "number") return refuse("WrongType", typeNoun(type))
  if (isWhole(type) && Number.isFinite(value) && !Number.isInteger(value)) return refuse("WrongType", typeNoun(type))
  if (!(value >= range[0] && value <= range[1])) {
    const expected = isWhole(type) ? `${rangeNoun(range[0], range[1], unit)} (${type})` : `a finite ${type}`
    return refuse("OutOfTypeRange", expected)
  }
  if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
    return refuse("OutOfRange", rangeNoun(min, max, unit))
  }
  return refuse("NotAllowed", choices(allowed ?? []))
}
