/** The scalars of the contract. What cannot be parsed is `BAD_INPUT`. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from "graphql"
import type { SignalValue as Value } from "../../domain/signals/signal.ts"
import type { Position } from "../eventstore/position.ts"
import * as Cursors from "./cursor.ts"
import { badInput } from "./errors.ts"

// RFC 3339; leap seconds are left out, as `Date` knows none.
const dateTime = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i

export const DateTime = new GraphQLScalarType<number, string>({
  name: "DateTime",
  description: "A moment as RFC 3339 has it, such as `2026-11-22T08:15:30.250Z`. Served in UTC with milliseconds.",
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc3339",
  serialize: (value) => new Date(Number(value)).toISOString(),
  parseValue: (value) => {
    const time = typeof value === "string" && dateTime.test(value) ? Date.parse(value) : Number.NaN
    if (Number.isNaN(time)) throw badInput(`${shown(value)} is no moment such as "2026-11-22T08:15:30Z"`)
    return time
  },
})

export const Long = new GraphQLScalarType<number, number>({
  name: "Long",
  description: "An integer within ±(2^53 − 1).",
  serialize: (value) => {
    if (!Number.isSafeInteger(value)) throw new GraphQLError(`${shown(value)} is no Long`)
    return value as number
  },
  parseValue: (value) => {
    if (!Number.isSafeInteger(value)) throw badInput(`${shown(value)} is no integer within ±(2^53 − 1)`)
    return value as number
  },
  parseLiteral: (node: ValueNode) => {
    const value = node.kind === Kind.INT ? Number(node.value) : Number.NaN
    if (!Number.isSafeInteger(value)) throw badInput("A Long is an integer within ±(2^53 − 1)")
    return value
  },
})

export const SignalValue = new GraphQLScalarType<Value, Value>({
  name: "SignalValue",
  description: "A signal's value: a number, a string, a boolean, or an array of these.",
  serialize: (value) => value as Value,
})

export const Cursor = new GraphQLScalarType<Position, string>({
  name: "Cursor",
  description: "A place in the log, for subscriptions. Opaque: only what this service handed out may be handed in.",
  serialize: (value) => Cursors.encode(value as Position),
  parseValue: (value) => {
    if (typeof value !== "string") throw badInput(`${shown(value)} is no cursor`)
    return Cursors.decode(value)
  },
})

export const Json = new GraphQLScalarType<unknown, unknown>({
  name: "JSON",
  description: "Any JSON value.",
  serialize: (value) => value,
})

const shown = (value: unknown): string => (JSON.stringify(value) ?? typeof value).slice(0, 80)
