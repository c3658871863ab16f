/**
 * How tables of signals are written: a row a signal, its path from the branch on, `{a,b}` standing for one signal each.
 */
import { isPersonal } from "./personal.ts"
import { type DataType, define, type SignalDefinition, type SignalScalar } from "./signal.ts"

interface Limits {
  readonly min?: number
  readonly max?: number
  readonly allowed?: ReadonlyArray<SignalScalar>
}

/** No limits but the type's. */
export const any: Limits = {}
export const from = (min: number): Limits => ({ min })
export const upTo = (max: number): Limits => ({ max })
export const between = (min: number, max: number): Limits => ({ min, max })
export const oneOf = (...allowed: ReadonlyArray<string>): Limits => ({ allowed })

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** What moves with the vehicle. GB/T 32960.3 asks for a report every 30 s at least: three in a row were missed. */
export const live = 90 * second
/** Levels, temperatures, ranges: what changes over minutes. */
export const slow = 10 * minute
/** Sent when it changes and again at each start, as doors and counters are: a day without a word is one too many. */
export const daily = day
/** Wear, ageing and service, which some vehicles send only once a drive, or once a week. */
export const weekly = 8 * day
/** Attributes: a property of the vehicle holds until another is sent. */
export const never = Infinity

/** `unit` is empty for values without one. */
export type Row = readonly [
  path: string,
  type: DataType,
  unit: string,
  limits: Limits,
  deadband: number,
  staleAfter: number,
  description: string,
]

const expand = (path: string): ReadonlyArray<string> => {
  const braces = /\{([^{}]*)\}/.exec(path)
  if (braces === null) return [path]
  const before = path.slice(0, braces.index)
  const after = path.slice(braces.index + braces[0].length)
  return (braces[1] ?? "").split(",").flatMap((choice) => expand(before + choice + after))
}

/** The signals of a table below `prefix`, in its order. */
export const branch = (prefix: string, rows: ReadonlyArray<Row>): ReadonlyArray<SignalDefinition> =>
  rows.flatMap(([below, type, unit, limits, deadband, staleAfter, description]) =>
    expand(`${prefix}.${below}`).map((path) =>
      define({
        path,
        type,
        ...(unit === "" ? undefined : { unit }),
        ...limits,
        deadband,
        staleAfter,
        personal: isPersonal(path),
        description,
      })
    )
  )
