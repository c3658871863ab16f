/** What the server and the client answer instead, as errors of the port. */
import { AccessDeniedError, convertToCommandError, NotLeaderError, StreamDeletedError } from "@eventstore/db-client"
import { EventStoreUnavailable, StreamDeleted } from "./errors.ts"

/** An answer that stays the same however often it is asked for, until somebody mends something. */
export class Refused extends Error {}

const asCommandError = (thrown: unknown): Error =>
  convertToCommandError(thrown instanceof Error ? thrown : new Error(String(thrown)))

/** What to look at, for what a connection fails with where its settings are wrong. */
const hints: ReadonlyArray<readonly [RegExp, string]> = [
  [/wrong version number/i, "if the server has no TLS, add tls=false"],
  [/self[- ]signed|unable to (verify|get)|certificate/i, "name the CA of the server's certificate with tlsCAFile"],
  [/name resolution failed|ENOTFOUND/i, "is the host's name right?"],
  [/ECONNRESET|socket hang up|protocol error|dropped/i, "if the server has TLS, leave out tls=false"],
]

/** What was thrown or emitted for a call, in words that say what to mend. Never has the credentials in it. */
export const explain = (thrown: unknown, where: string): Error => {
  if (thrown instanceof Refused) return thrown
  const error = asCommandError(thrown)
  if (error instanceof AccessDeniedError) {
    return new Refused(
      `access denied by ${where}: give EVENTSTORE_URL the name and password of a user who may append, and read $all`,
    )
  }
  if (error instanceof NotLeaderError) return new Error(`${where} is not the leader`)
  const said = error.message.replaceAll(/\s+/g, " ").replace(/[ .]*Resolution note: $/, "")
  const hint = hints.find(([pattern]) => pattern.test(said))?.[1]
  return new Error(`no answer from ${where} (EVENTSTORE_URL): ${said}${hint === undefined ? "" : `; ${hint}`}`)
}

export const unavailable = (operation: string, thrown: unknown, where: string): EventStoreUnavailable =>
  new EventStoreUnavailable({ operation, cause: explain(thrown, where) })

/** Whether trying again is of no use. */
export const isLasting = ({ cause }: EventStoreUnavailable): boolean => cause instanceof Refused

/** For calls about one stream. */
export const ofStream = (
  operation: string,
  stream: string,
  thrown: unknown,
  where: string,
): StreamDeleted | EventStoreUnavailable =>
  asCommandError(thrown) instanceof StreamDeletedError
    ? new StreamDeleted({ stream })
    : unavailable(operation, thrown, where)
