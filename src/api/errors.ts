/**
 * What a client is told when something fails. Codes are promises; of what happens inside only an id is told, and the
 * rest is logged under it.
 */
import { randomUUID } from "node:crypto"
import { Cause, Effect } from "effect"
import { GraphQLError } from "graphql"
import { EventsMissing, HistoryArchived } from "../vehicles/errors.ts"

export const errorCodes = [
  "BAD_INPUT",
  "NOT_FOUND",
  "CONFLICT",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "TOO_COSTLY",
  "RATE_LIMITED",
  "CURSOR_TOO_OLD",
  "ARCHIVED",
  "UNAVAILABLE",
  "INTERNAL",
] as const
export type ErrorCode = (typeof errorCodes)[number]

const known: ReadonlySet<unknown> = new Set(errorCodes)

/** @param more What a program may want to know beside the code. */
export const apiError = (code: ErrorCode, message: string, more: { readonly [name: string]: string } = {}) =>
  new GraphQLError(message, { extensions: { ...more, code } })

export const badInput = (message: string): GraphQLError => apiError("BAD_INPUT", message)

const unavailable = apiError("UNAVAILABLE", "This cannot be answered now; try again")

/** Runs beside the request that failed, so that the log has its cause. */
export type Log = (effect: Effect.Effect<void>) => void

/** The error to tell of a failed effect. */
export const fromCause = (cause: Cause.Cause<unknown>, log: Log): GraphQLError => {
  // The client has gone, or the service stops.
  if (Cause.hasInterruptsOnly(cause)) return unavailable
  const error = Cause.squash(cause)
  if (error instanceof GraphQLError) return error
  if (error instanceof HistoryArchived || error instanceof EventsMissing) {
    return apiError("ARCHIVED", error.message, { file: error.file })
  }
  switch (tagOf(error)) {
    case "VehicleNotFound":
    case "NotKnownYet":
    case "AlertNotFound":
    case "LetterNotFound":
    case "RuleNotFound":
    case "DeliveryNotFound":
      return apiError("NOT_FOUND", messageOf(error))
    case "StreamDeleted":
      return apiError("NOT_FOUND", "The vehicle was deleted")
    case "RevisionConflict":
    case "AlertRevisionConflict":
    case "AlertIsResolved":
    case "RuleRevisionConflict":
      return apiError("CONFLICT", messageOf(error))
    case "EmergencyNotSnoozed":
    case "SnoozeOutOfRange":
    case "RuleInvalid":
    case "ChannelUnusable":
      return badInput(messageOf(error))
    case "AppendTooLarge":
      return badInput("This is more than one event can hold")
    case "ReadModelUnavailable":
    case "EventStoreUnavailable":
    case "VehicleUnavailable":
    case "AlertsUnavailable":
    case "RulesUnavailable":
    case "NotificationsUnavailable":
    case "TimeoutError":
      log(Effect.logWarning("A request cannot be answered", cause))
      return unavailable
  }
  return internal(cause, log)
}

/**
 * For whatever comes out of parsing, validation, execution: an error of ours or of the request's is told as it is, all
 * else is masked.
 */
export const mask = (error: unknown, log: Log): GraphQLError => {
  if (!(error instanceof GraphQLError)) return fromCause(Cause.die(error), log)
  if (known.has(error.extensions["code"])) return error
  if (isOfRequest(error)) {
    return withPlace(new GraphQLError(error.message, { extensions: { ...error.extensions, code: "BAD_INPUT" } }), error)
  }
  return withPlace(fromCause(Cause.die(error.originalError ?? error), log), error)
}

const isOfRequest = ({ originalError, path }: GraphQLError): boolean => {
  if (originalError instanceof GraphQLError) {
    // An argument that cannot be coerced knows where in the document it stands; a result that cannot does not.
    return originalError.nodes !== undefined
  }
  return originalError === undefined && path === undefined
}

const withPlace = (error: GraphQLError, { nodes, source, positions, path }: GraphQLError): GraphQLError =>
  new GraphQLError(error.message, {
    ...(nodes !== undefined && { nodes }),
    ...(source !== undefined && { source }),
    ...(positions !== undefined && { positions }),
    ...(path !== undefined && { path }),
    extensions: error.extensions,
  })

const internal = (cause: Cause.Cause<unknown>, log: Log): GraphQLError => {
  const id = randomUUID()
  log(Effect.logError("A request failed", cause).pipe(Effect.annotateLogs({ errorId: id })))
  return new GraphQLError(`Something went wrong here; the log has it under ${id}`, {
    extensions: { code: "INTERNAL", id },
  })
}

const tagOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
