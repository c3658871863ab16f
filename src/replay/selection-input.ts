/** A selection as somebody writes it, on a command line or in a URL, checked. */
import { Result } from "effect"
import { parseTime } from "../../domain/codecs/time.ts"
import * as Alert from "../../domain/maintenance/alerts/alert-events.ts"
import * as Vehicle from "../../domain/vehicle/events.ts"
import { parse } from "../../domain/vehicle/vin.ts"
import type { Position } from "../eventstore/position.ts"
import type { Selection } from "./selection.ts"

export const eventTypes: ReadonlyArray<string> = [...Object.keys(Vehicle.schemas), ...Object.keys(Alert.schemas)]

export const clocks = ["received", "observed"] as const

export interface SelectionInput {
  readonly vin: ReadonlyArray<string>
  readonly type: ReadonlyArray<string>
  readonly from: string | undefined
  readonly to: string | undefined
  readonly clock: string | undefined
  readonly after: string | undefined
}

export const isDate = (text: string): boolean => /^\d{4}-\d\d-\d\d$/.test(text)
const position = /^[0-9a-f]{16}$/

/** Epoch ms of an RFC 3339 time, or of the beginning of a day in UTC; undefined for anything else. */
export const timeOf = (text: string): number | undefined => parseTime(isDate(text) ? `${text}T00:00:00Z` : text)

const isClock = (text: string): text is Selection["clock"] => clocks.some((clock) => clock === text)

const wrong = (name: string, value: string, why: string) =>
  Result.fail(`${name}: ${JSON.stringify(value.slice(0, 60))} is ${why}`)

/** The selection, or what is wrong, by the parameter's name. */
export const selectionOf = (input: SelectionInput): Result.Result<Selection, string> => {
  const { after, clock = "received", type, vin } = input
  for (const text of vin) {
    const parsed = parse(text)
    if (Result.isFailure(parsed)) return Result.fail(`vin: ${parsed.failure.message}`)
  }
  for (const name of type) {
    if (!eventTypes.includes(name)) return wrong("type", name, `no event type; there are ${eventTypes.join(", ")}`)
  }
  const times: { from?: number; to?: number } = {}
  for (const name of ["from", "to"] as const) {
    const text = input[name]
    if (text === undefined) continue
    const time = timeOf(text)
    if (time === undefined) return wrong(name, text, "no time: expected one like 2026-11-22T08:15:30Z, or a date")
    times[name] = time
  }
  if (times.from !== undefined && times.to !== undefined && times.from >= times.to) {
    return Result.fail(`from ${input.from} to ${input.to}: a range ends after it begins`)
  }
  if (!isClock(clock)) return wrong("clock", clock, `no clock: expected ${clocks.join(" or ")}`)
  if (after !== undefined && !position.test(after)) {
    return wrong("after", after, "no position: expected one that an export has told")
  }
  return Result.succeed({
    ...(vin.length > 0 && { vins: [...new Set(vin)] }),
    ...(type.length > 0 && { types: [...new Set(type)] }),
    ...times,
    clock,
    ...(after !== undefined && { after: after as Position }),
  })
}
