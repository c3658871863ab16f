/** The real client before the server, for the server's own tests. */
import { randomUUID } from "node:crypto"
import db from "@eventstore/db-client"
import type {
  AppendExpectedRevision,
  AppendToStreamOptions,
  EventStoreDBClient,
  EventType,
  JSONEventData,
  ReadRevision,
  ResolvedEvent,
} from "@eventstore/db-client"
import { Effect, Schedule } from "effect"

export const clientOf = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => db.EventStoreDBClient.connectionString(url)),
    (client) => Effect.promise(() => client.dispose()),
  )

export const newEvents = (count: number, text = ""): Array<JSONEventData> =>
  Array.from({ length: count }, (_, n) => ({
    id: randomUUID(),
    contentType: "application/json",
    type: "Tested",
    data: { n, text },
    metadata: undefined,
  }))

/**
 * Asks until the server answers. Clients of a process share connections, so that after a cut even a new one may yet
 * meet the old connection's end.
 */
export const reachable = (client: EventStoreDBClient) =>
  Effect.retry(collect(() => client.readAll({ maxCount: 1 })), Schedule.spaced("20 millis"))

/** What became of an append, in words that can be compared. */
export type Outcome =
  | { readonly revision: bigint; readonly position: bigint | undefined }
  | { readonly conflict: bigint | string }
  | { readonly error: string }

/** Credentials given per call make the client take `Append`, else it takes `BatchAppend`. */
export const ways: ReadonlyArray<readonly [string, AppendToStreamOptions]> = [
  ["a batch append", {}],
  ["an append", { credentials: { username: "admin", password: "changeit" } }],
]

export const append = (
  client: EventStoreDBClient,
  stream: string,
  expectedRevision: AppendExpectedRevision,
  events: Array<JSONEventData>,
  way: AppendToStreamOptions = {},
): Effect.Effect<Outcome> =>
  Effect.promise(() =>
    client.appendToStream(stream, events, { expectedRevision, ...way }).then(
      ({ nextExpectedRevision, position }): Outcome => ({ revision: nextExpectedRevision, position: position?.commit }),
      outcomeOf,
    )
  )

/** A promise of the client's that may fail, as the type of its error or nothing. */
export const failureOf = (promise: () => Promise<unknown>): Effect.Effect<Outcome | undefined> =>
  Effect.promise(() => promise().then(() => undefined, outcomeOf))

const outcomeOf = (error: unknown): Outcome =>
  error instanceof db.WrongExpectedVersionError
    ? { conflict: error.actualVersion }
    : { error: typeOf(error) }

export const typeOf = (error: unknown): string =>
  error instanceof Error && "type" in error ? String(error.type) : String(error)

export const readStream = (
  client: EventStoreDBClient,
  stream: string,
  options: { readonly from?: ReadRevision; readonly count?: number; readonly backwards?: boolean } = {},
): Effect.Effect<ReadonlyArray<bigint>, string> =>
  Effect.map(
    collect(() =>
      client.readStream(stream, {
        direction: options.backwards === true ? "backwards" : "forwards",
        fromRevision: options.from ?? (options.backwards === true ? "end" : "start"),
        ...(options.count === undefined ? {} : { maxCount: options.count }),
      })
    ),
    (events) => events.flatMap(({ event }) => event === undefined ? [] : [event.revision]),
  )

export const collect = <E extends EventType>(
  read: () => AsyncIterable<ResolvedEvent<E>>,
): Effect.Effect<ReadonlyArray<ResolvedEvent<E>>, string> =>
  Effect.tryPromise({
    try: async () => {
      const events: Array<ResolvedEvent<E>> = []
      for await (const event of read()) events.push(event)
      return events
    },
    catch: typeOf,
  })
