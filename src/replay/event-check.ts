/**
 * Whether a line of an export is an event that this service can read. Files are edited and cut short, and a log keeps
 * what it is given for ever: so all of it is checked, not only its envelope. Pure.
 */
import { Result, Schema } from "effect"
import { AlertMetadata, isAlertEventType, schemas as alertSchemas } from "../../domain/maintenance/alerts/alert-events.ts"
import { decode as decodeAlert } from "../../domain/maintenance/alerts/alert-record.ts"
import { isVehicleEventType, Metadata, schemas as vehicleSchemas } from "../../domain/vehicle/events.ts"
import { decode as decodeVehicle, type Stored } from "../../domain/vehicle/record.ts"
import { isVin } from "../../domain/vehicle/vin.ts"

const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

/** Of `EventLine` what makes the event; the other columns are for whoever reads. */
const Envelope = Schema.Struct({
  position: Schema.String.check(Schema.isPattern(/^[0-9a-f]{16}$/, { message: "Expected sixteen hexadecimal digits" })),
  stream: Schema.NonEmptyString,
  revision: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  id: Schema.String.check(
    Schema.isPattern(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, { message: "Expected a UUID in lower case" }),
  ),
  type: Schema.NonEmptyString,
  data: JsonObject,
  metadata: JsonObject,
})

const isEnvelope = Schema.is(Envelope)
const isMetadata = Schema.is(Metadata)
const isAlertMetadata = Schema.is(AlertMetadata)

type Check = (data: unknown) => boolean
const checks = (schemas: Readonly<Record<string, Schema.Top>>): ReadonlyMap<string, Check> =>
  new Map(Object.entries(schemas).map(([type, schema]) => [type, Schema.is(schema)]))
const vehicleChecks = checks(vehicleSchemas)
const alertChecks = checks(alertSchemas)

const streamOfVehicle = /^(vehicle|maintenance)-(.*)$/s

/** The event of a line, parsed; or what is wrong with it. */
export const checkEvent = (line: unknown): Result.Result<Stored, string> => {
  if (!isEnvelope(line)) return Result.fail(whatIsWrong(Envelope, line))
  const [, kind, vin = ""] = streamOfVehicle.exec(line.stream) ?? []
  if (kind === undefined) {
    return Result.fail(`stream ${shown(line.stream)}; an export has streams vehicle-<VIN> and maintenance-<VIN>`)
  }
  if (!isVin(vin)) return Result.fail(`stream ${shown(line.stream)}: ${shown(vin)} is not a VIN`)
  const wrong = kind === "vehicle" ? wrongOfVehicle(line) : wrongOfAlert(line)
  return wrong === undefined ? Result.succeed(line) : Result.fail(`${line.type}: ${wrong}`)
}

/** A type that is not known here is a newer service's, and every reader passes over it. */
const wrongOfVehicle = (stored: Stored): string | undefined => {
  const { type } = stored
  if (!isVehicleEventType(type)) return isAlertEventType(type) ? "it stands on a maintenance stream" : undefined
  if (!isMetadata(stored.metadata)) return whatIsWrong(Metadata, stored.metadata, "metadata")
  const record = decodeVehicle(stored)
  if (Result.isFailure(record)) return record.failure.reason
  const data = record.success?.event.data
  return vehicleChecks.get(type)?.(data) === false ? whatIsWrong(vehicleSchemas[type], data, "data") : undefined
}

const wrongOfAlert = (stored: Stored): string | undefined => {
  const { type } = stored
  if (!isAlertEventType(type)) return isVehicleEventType(type) ? "it stands on a vehicle's own stream" : undefined
  if (!isAlertMetadata(stored.metadata)) return whatIsWrong(AlertMetadata, stored.metadata, "metadata")
  const record = decodeAlert(stored)
  if (Result.isFailure(record)) return record.failure.reason
  const data = record.success?.event.data
  return alertChecks.get(type)?.(data) === false ? whatIsWrong(alertSchemas[type], data, "data") : undefined
}

/** On one line, and bounded, since it may hold what stands in the file. */
const whatIsWrong = (schema: Schema.Decoder<unknown>, value: unknown, where?: string): string => {
  const decoded = Schema.decodeUnknownResult(schema)(value)
  const told = Result.isFailure(decoded) ? decoded.failure.message : "it does not fit"
  const line = told.slice(0, 300).replaceAll(/\s*\n\s*/g, " ")
  return where === undefined ? line : `${where}: ${line}`
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 60))
