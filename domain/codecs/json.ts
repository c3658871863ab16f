/**
 * The JSON that vehicles and the platforms before us send: telemetry, status, diagnostics, service done. One message
 * or an array of them. The envelope is checked by schema; readings one by one against the catalogue, so that a bad
 * one is rejected by itself and the others are kept.
 */
import { Result, Schema } from "effect"
import type { Catalogue } from "../signals/catalogue.ts"
import { checkValue, type InvalidValueReason, type SignalDefinition, type SignalValue } from "../signals/signal.ts"
import { SignalValue as StoredValue } from "../vehicle/events.ts"
import * as Identity from "../vehicle/identity.ts"
import type { Observation, Reading, ReadingQuality, ServiceDone, Telemetry } from "../vehicle/observation.ts"
import { toTime } from "../vehicle/readings.ts"
import type { Decoded, Message } from "./decoded.ts"
import { parseTime } from "./time.ts"
import type { Rejection, RejectionReason } from "./rejection.ts"

const Name = Schema.String.check(Schema.isBetweenLength(1, 256))
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const envelopeFields = {
  v: Schema.optionalKey(Schema.Int),
  id: Schema.optionalKey(Name),
  at: Schema.String,
}

const TelemetryMessage = Schema.Struct({
  ...envelopeFields,
  // What is not telemetry may carry them too, but a unit may count it apart: the same number would be the same message.
  session: Schema.optionalKey(Name),
  seq: Schema.optionalKey(Count),
  reissued: Schema.optionalKey(Schema.Boolean),
  signals: Schema.Record(Schema.String, Schema.Unknown),
})

const StatusMessage = Schema.Struct({
  online: Schema.Boolean,
  session: Name,
  at: Schema.optionalKey(Schema.String),
})

const DiagnosticsMessage = Schema.Struct({
  ...envelopeFields,
  codes: Schema.Array(Schema.Struct({
    code: Schema.String.check(Schema.isBetweenLength(1, 32)),
    state: Schema.Literals(["raised", "cleared"]),
    severity: Schema.optionalKey(Schema.Literals(["info", "warning", "critical"])),
    ecu: Schema.optionalKey(Name),
    text: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(1024))),
    freezeFrame: Schema.optionalKey(Schema.Record(Schema.String, StoredValue)),
  })),
})

const ServiceMessage = Schema.Struct({
  ...envelopeFields,
  component: Name,
  kind: Schema.Literals(["inspected", "repaired", "replaced", "updated"]),
  odometerKm: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  parts: Schema.optionalKey(Schema.Array(Name)),
  workshop: Schema.optionalKey(Name),
})

type Envelope = Pick<typeof TelemetryMessage.Type, "v" | "id" | "session" | "seq" | "at">

/** A message's first rejections are told one by one, the rest as a number: one that is all wrong may be long. */
export const maxRejections = 64

export const decodeTelemetry = (message: Message, catalogue: Catalogue): Decoded =>
  decodeEach(message, telemetrySchema, (body, rejections) => {
    const from = origin(message, body, body.signals)
    if ("reason" in from) {
      rejections.push(from)
      return undefined
    }
    const readings: Array<Reading> = []
    for (const path in body.signals) {
      const read = reading(path, body.signals[path], from.at, catalogue, rejections.length < maxRejections)
      if ("reason" in read) rejections.push(read)
      else readings.push(read)
    }
    return { _tag: "Telemetry", ...from, reissued: body.reissued === true, readings } satisfies Telemetry
  })

/** The vehicle's own word that it is on or off, or its will. */
export const decodeStatus = (message: Message): Decoded =>
  decodeEach(message, statusSchema, ({ at, online, session }, rejections) => {
    const time = at === undefined ? undefined : parseTime(at)
    if (at !== undefined && time === undefined) {
      rejections.push(badTime(at))
      return undefined
    }
    const { receivedAt, source } = message
    return { _tag: "Presence", online, session, at: time, receivedAt, source }
  })

export const decodeDiagnostics = (message: Message): Decoded =>
  decodeEach(message, diagnosticsSchema, (body, rejections) => {
    const from = origin(message, body, body.codes)
    if ("reason" in from) {
      rejections.push(from)
      return undefined
    }
    return {
      _tag: "Diagnostics",
      ...from,
      codes: body.codes.map((code) => ({ ...code, severity: code.severity ?? "warning" })),
    }
  })

/** Work done on a vehicle, as its workshop tells. */
export const decodeService = (message: Message): Decoded =>
  decodeEach(message, serviceSchema, (body, rejections) => {
    const { component, kind, odometerKm, parts = [], workshop } = body
    const from = origin(message, body, { component, kind, odometerKm, parts, workshop })
    if ("reason" in from) {
      rejections.push(from)
      return undefined
    }
    return {
      _tag: "ServiceDone",
      ...from,
      component,
      kind,
      ...(odometerKm !== undefined && { odometerKm }),
      parts,
      ...(workshop !== undefined && { workshop }),
    } satisfies ServiceDone
  })

const telemetrySchema = Schema.decodeUnknownResult(TelemetryMessage)
const statusSchema = Schema.decodeUnknownResult(StatusMessage)
const diagnosticsSchema = Schema.decodeUnknownResult(DiagnosticsMessage)
const serviceSchema = Schema.decodeUnknownResult(ServiceMessage)

const utf8 = new TextDecoder("utf-8", { fatal: true })

const parseJson = (payload: Uint8Array): Result.Result<unknown, string> =>
  Result.try({
    try: () => utf8.decode(payload),
    catch: () => "not JSON: the bytes are not UTF-8",
  }).pipe(
    Result.flatMap((text) =>
      Result.try({ try: () => parseText(text), catch: (error) => `not JSON: ${describe(error)}` })
    ),
    Result.flatMap(({ isStorable, value }) =>
      isStorable ? Result.succeed(value) : Result.fail("a text has a NUL or half a surrogate pair in it; leave it out")
    ),
  )

/** Bytes that are UTF-8 hold no half of a surrogate pair, but an escape may; PostgreSQL stores neither that nor NUL. */
const parseText = (text: string): { readonly value: unknown; readonly isStorable: boolean } => {
  if (!text.includes("\\u")) return { value: JSON.parse(text), isStorable: true }
  let isStorable = true
  const value: unknown = JSON.parse(text, (key, value: unknown) => {
    isStorable &&= isStorableText(key) && (typeof value !== "string" || isStorableText(value))
    return value
  })
  return { value, isStorable }
}

const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes("\0")

const decodeEach = <Body>(
  message: Message,
  decodeBody: (input: unknown) => Result.Result<Body, Schema.SchemaError>,
  observe: (body: Body, rejections: Array<Rejection>) => Observation | undefined,
): Decoded => {
  const parsed = parseJson(message.payload)
  if (Result.isFailure(parsed)) {
    return { observations: [], rejections: [reject("json", parsed.failure)] }
  }
  const observations: Array<Observation> = []
  const rejections: Array<Rejection> = []
  const parts = Array.isArray(parsed.success) ? parsed.success : [parsed.success]
  if (parts.length === 0) rejections.push(reject("shape", "an empty array; expected at least one message"))
  let more = 0
  for (const [index, part] of parts.entries()) {
    more += shorten(rejections)
    const first = rejections.length
    const body = decodeBody(part)
    if (Result.isFailure(body)) rejections.push(reject("shape", describe(body.failure)))
    else {
      const observation = observe(body.success, rejections)
      if (observation !== undefined) observations.push(observation)
    }
    if (Array.isArray(parsed.success)) nameIndex(rejections, first, index)
  }
  more += shorten(rejections)
  if (more > 0) rejections.push(reject("shape", `${more} more were rejected and are not told one by one`))
  return { observations, rejections }
}

/** Cuts what is past the first ones; how many that was. */
const shorten = (rejections: Array<Rejection>): number => {
  const more = Math.max(0, rejections.length - maxRejections)
  if (more > 0) rejections.length = maxRejections
  return more
}

/** Within a batch a rejection says which message it means. */
const nameIndex = (rejections: Array<Rejection>, from: number, index: number): void => {
  for (let i = from; i < rejections.length; i++) {
    const rejection = rejections[i]
    if (rejection !== undefined) rejections[i] = { ...rejection, message: `message ${index}: ${rejection.message}` }
  }
}

type Origin = Pick<Telemetry, "identity" | "at" | "receivedAt" | "source">

const origin = (message: Message, body: Envelope, content: unknown): Origin | Rejection => {
  const { at: text, id, seq, session, v } = body
  if (v !== undefined && v !== 1) return reject("version", `format ${v}; this service knows format 1`)
  const at = parseTime(text)
  if (at === undefined) return badTime(text)
  const { receivedAt, source, vin } = message
  if (id !== undefined) return { identity: Identity.byId(id), at, receivedAt, source }
  if ((session === undefined) !== (seq === undefined)) {
    return reject("shape", `"${session === undefined ? "seq" : "session"}" alone; the two go together, or an "id" does`)
  }
  if (session !== undefined && seq !== undefined) {
    return { identity: Identity.sequenced(session, seq), at, receivedAt, source }
  }
  // JSON.parse takes any depth, JSON.stringify does not.
  const written = Result.try(() => JSON.stringify(content))
  if (Result.isFailure(written)) return reject("shape", "nested too deeply; nothing this service takes is")
  // The same instant may be written in several ways.
  return { identity: Identity.byContent(vin, toTime(at), written.success), at, receivedAt, source }
}

const qualities: ReadonlySet<unknown> = new Set<ReadingQuality>(["GOOD", "ABNORMAL", "INVALID"])
const isQuality = (value: unknown): value is ReadingQuality => qualities.has(value)

/** A bare value, or `{ value, at?, quality? }`, where a reading that is not good may have null for a value. */
const reading = (
  path: string,
  sent: unknown,
  messageAt: number,
  catalogue: Catalogue,
  withHint: boolean,
): Reading | Rejection => {
  const signal = catalogue.get(path)
  if (signal === undefined) {
    const near = withHint ? catalogue.suggest(path) : undefined
    const hint = near === undefined ? "" : `; did you mean ${near}?`
    return rejectReading("path", path, `${path.slice(0, 200)}: no such signal in the catalogue${hint}`)
  }
  const { personal } = signal
  // An array of its own is a value; no VSS type is an object.
  if (typeof sent !== "object" || sent === null || Array.isArray(sent)) {
    if (!signal.accepts(sent)) return badValue(path, signal, sent)
    return { path, value: withoutNegativeZero(sent), at: messageAt, quality: "GOOD", personal }
  }
  const { at: text, quality = "GOOD", value } = sent as { value?: unknown; at?: unknown; quality?: unknown }
  if (!isQuality(quality)) {
    return rejectReading("shape", path, `${path}: quality ${describe(quality)}; expected GOOD, ABNORMAL or INVALID`)
  }
  const at = text === undefined ? messageAt : parseTime(text)
  if (at === undefined) return { ...badTime(text, path), path }
  if (value === null && quality !== "GOOD") return { path, value, at, quality, personal }
  if (!signal.accepts(value)) return badValue(path, signal, value)
  return { path, value: withoutNegativeZero(value), at, quality, personal }
}

/** JSON is written with 0 for it, and what is folded from the log must be what was folded before. */
const withoutNegativeZero = (value: SignalValue): SignalValue => {
  if (value === 0) return 0
  return typeof value === "object" && value.includes(0) ? value.map((one) => one === 0 ? 0 : one) : value
}

const valueReasons: Record<InvalidValueReason, RejectionReason> = {
  WrongType: "type",
  OutOfTypeRange: "range",
  OutOfRange: "range",
  NotAllowed: "range",
}

const badValue = (path: string, signal: SignalDefinition, value: unknown): Rejection => {
  const invalid = checkValue(signal, value)
  return rejectReading(valueReasons[invalid?.reason ?? "WrongType"], path, invalid?.message ?? path)
}

const badTime = (text: unknown, path?: string): Rejection =>
  reject(
    "time",
    `${path === undefined ? "" : `${path}: `}"at" is ${describe(text)}; ` +
      "expected RFC 3339 with a zone, such as 2026-11-22T08:15:30.250Z",
  )

const reject = (reason: RejectionReason, message: string): Rejection => ({ reason, message })

const rejectReading = (reason: RejectionReason, path: string, message: string): Rejection => ({ reason, message, path })

/** Bounded, since it may hold what the sender wrote. */
const describe = (value: unknown): string => {
  if (value instanceof Error) return value.message.slice(0, 300).replaceAll(/\s*\n\s*/g, " ")
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100))
  if (typeof value !== "object" || value === null) return String(value)
  return Array.isArray(value) ? "an array" : "an object"
}
