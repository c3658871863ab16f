/** Where a stream begins: truncation moves that on, and a deletion past the end. */
import { ANY, convertToCommandError, WrongExpectedVersionError } from "@eventstore/db-client"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { EventStoreUnavailable } from "./errors.ts"
import type { EventStore } from "./event-store.ts"
import type { Connection } from "./eventstoredb-connection.ts"
import { ofStream } from "./eventstoredb-errors.ts"
import type { Reads } from "./eventstoredb-reads.ts"

type Store = EventStore["Service"]

/** Others may write to the stream, or its metadata, at the same time; not for ever. */
const maxTries = 10

/** Sets where the stream begins in its metadata, and leaves what else is there. */
export const truncate = (reads: Reads, append: Store["append"]): Store["truncate"] =>
  Effect.fnUntraced(function*(stream, before) {
    const name = stream.toWellFormed()
    for (let tries = 1;; tries++) {
      const newest = yield* reads.newest(name)
      if (newest === undefined || before > newest.revision) return
      const { metadata, revision } = yield* reads.metadata(name)
      // Of a deleted stream it is past all revisions.
      if (before <= (Number(metadata["$tb"]) || 0)) return
      const event = { id: randomUUID(), type: "$metadata", data: { ...metadata, $tb: before }, metadata: {} }
      const appended = append(`$$${name}`, revision < 0 ? "no_stream" : revision, [event])
      const written = yield* Effect.as(appended, true).pipe(
        Effect.catchTag("WrongExpectedRevision", (error) =>
          tries < maxTries
            ? Effect.succeed(false)
            : Effect.fail(new EventStoreUnavailable({ operation: "truncate", cause: error }))),
      )
      if (written) return
    }
  })

export const deleteStream = (connection: Connection, reads: Reads): Store["deleteStream"] =>
  Effect.fnUntraced(function*(stream, options) {
    const name = stream.toWellFormed()
    const { client, where } = connection
    if (options?.tombstone === true) {
      yield* Effect.tryPromise({
        try: () => client.tombstoneStream(name, { expectedRevision: ANY }),
        catch: (thrown) => ofStream("delete", name, thrown, where),
      })
      return
    }
    for (let tries = 1;; tries++) {
      const newest = yield* reads.newest(name)
      if (newest === undefined) return
      const deleted = yield* Effect.tryPromise({
        try: () =>
          client.deleteStream(name, { expectedRevision: BigInt(newest.revision) }).then(() => true, (thrown: Error) => {
            const written = convertToCommandError(thrown) instanceof WrongExpectedVersionError
            if (written && tries < maxTries) return false
            throw thrown
          }),
        catch: (thrown) => ofStream("delete", name, thrown, where),
      })
      if (deleted) return
    }
  })
