/** What is missing of a message that was rejected, in whole or in part, by today's rules. Pure. */
import { Result } from "effect"
import type { Decoded } from "../../domain/codecs/decoded.ts"
import { type Identity, toText } from "../../domain/vehicle/identity.ts"
import type { Observation, Telemetry } from "../../domain/vehicle/observation.ts"
import { lastOfMany } from "../deadletters/dead-letters.ts"
import type { Redelivered } from "../deadletters/redelivery.ts"
import type { Taken } from "./taken.ts"

/** Whether a letter stands for more than it says: what was wrong behind it has no letter. */
export const standsForMore = ({ message }: Redelivered): boolean => message.endsWith(lastOfMany)

/**
 * Decodes what a letter is about: of several messages the one that it names first, unless it stands for those behind
 * it, too. `rejections` are of what is missing still.
 *
 * @param decode Decodes a part of the content, or all of it.
 * @param taken What the log has, where the letter stands for more.
 */
export const missing = (
  letter: Redelivered,
  content: Uint8Array,
  decode: (part: Uint8Array) => Decoded,
  taken: Taken,
): Decoded => {
  const parts = partsOf(letter, content)
  if (!standsForMore(letter)) {
    const [first] = parts
    return first === undefined ? nothing : about(letter, named(first, decode(first.content)))
  }
  const observations: Array<Observation> = []
  const rejections: Array<Decoded["rejections"][number]> = []
  for (const [n, part] of parts.entries()) {
    const decoded = named(part, decode(part.content))
    const isBehind = n === 0 && letter.path !== undefined ? behind(letter.path, part.content) : () => true
    for (const observation of decoded.observations) {
      const known = observation._tag === "Telemetry" ? taken.get(toText(observation.identity)) : undefined
      if (observation._tag !== "Telemetry" || known === undefined) observations.push(observation)
      else observations.push(...only(observation, (path) => isBehind(path) && !known.has(path), `${letter.id}:${n}`))
    }
    rejections.push(...decoded.rejections.filter(({ path }) => path === undefined || isBehind(path)))
  }
  return { observations, rejections }
}

const nothing: Decoded = { observations: [], rejections: [] }

interface Part {
  /** `message 3: `, which begins what is said of it; empty where there is but one. */
  readonly name: string
  readonly content: Uint8Array
}

/** Undefined where it is no JSON. */
const parsedOf = (content: Uint8Array): unknown =>
  Result.getOrUndefined(Result.try((): unknown => JSON.parse(Buffer.from(content).toString())))

/** From the one that the letter names to the last, or all as one where it names none. */
const partsOf = (letter: Redelivered, content: Uint8Array): ReadonlyArray<Part> => {
  const all = [{ name: "", content }]
  const index = /^message (\d+): /.exec(letter.message)?.[1]
  if (index === undefined) return all
  const parsed = parsedOf(content)
  // Of a single message it is what the sender wrote; or it was mended to be a single one.
  if (!Array.isArray(parsed) || Number(index) >= parsed.length) return all
  return parsed.slice(Number(index)).map((part: unknown, n) => ({
    name: `message ${Number(index) + n}: `,
    content: Buffer.from(JSON.stringify(part)),
  }))
}

const named = ({ name }: Part, { observations, rejections }: Decoded): Decoded => ({
  observations,
  rejections: rejections.map((rejection) => ({ ...rejection, message: `${name}${rejection.message}` })),
})

/** All of a message, or the one reading that was rejected by itself. */
const about = ({ id, path }: Redelivered, { observations, rejections }: Decoded): Decoded =>
  path === undefined ? { observations, rejections } : {
    observations: observations.flatMap((one) => one._tag === "Telemetry" ? only(one, (other) => other === path, id) : []),
    rejections: rejections.filter((one) => one.path === path || one.path === undefined),
  }

/** Some readings of a message, as a message of their own: there can be but one under a letter's id. */
const only = (telemetry: Telemetry, isWanted: (path: string) => boolean, id: string): ReadonlyArray<Telemetry> => {
  const readings = telemetry.readings.filter(({ path }) => isWanted(path))
  const identity: Identity = { _tag: "Unique", key: `deadletter:${id}` }
  return readings.length === 0 ? [] : [{ ...telemetry, identity, readings }]
}

/** Whether a signal stands where a path does or behind it, in a message that is JSON. */
const behind = (path: string, content: Uint8Array): (path: string) => boolean => {
  const parsed = parsedOf(content)
  const signals = typeof parsed === "object" && parsed !== null && "signals" in parsed ? parsed.signals : undefined
  const paths = Object.keys(typeof signals === "object" && signals !== null ? signals : {})
  // Letters keep no more of a path.
  const from = paths.findIndex((one) => one.startsWith(path))
  const known = new Set(from < 0 ? [path] : paths.slice(from))
  return (one) => known.has(one)
}
