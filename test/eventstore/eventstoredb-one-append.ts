/**
 * A process of its own that appends one event.
 *
 *     node eventstoredb-one-append.ts <url> <stream>
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/eventstoredb.ts"

const [url = "", stream = ""] = process.argv.slice(2)

await Effect.flatMap(EventStore, (store) =>
  store.append(stream, "no_stream", [{ id: randomUUID(), type: "Tested", data: {}, metadata: {} }])
).pipe(Effect.provide(layer({ url })), Effect.runPromise)
