import { Effect, Stream } from "effect"
import type { GraphQLError } from "graphql"
import { streamOf } from "../../domain/vehicle/events.ts"
import { EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import { archivedOf } from "../vehicles/archive-marks.ts"
import { builder } from "./builder.ts"
import { apiError } from "./errors.ts"
import { type Connection, type ConnectionArgs, decodeKey, encodeKey, sizeOf } from "./paging.ts"

const vinOf = ({ stream }: RecordedEvent): string => stream.slice(streamOf("").length)

const parseId = (id: string): readonly [vin: string, revision: number] => {
  const [vin = "", revision = ""] = id.split(":")
  return [vin, /^\d+$/.test(revision) ? Number(revision) : -1]
}

const timeOf = (value: unknown): number | undefined => {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

export const Event = builder.node(builder.objectRef<RecordedEvent>("Event"), {
  description: "A fact on a vehicle's stream, as it is stored.",
  id: { resolve: (event) => `${vinOf(event)}:${event.revision}`, description: "Found by `node`." },
  loadOne: async (id, { run }) => {
    const [vin, revision] = parseId(id)
    if (!Number.isSafeInteger(revision) || revision < 0) return null
    return (await run(eventAt(vin, revision))) ?? null
  },
  fields: (t) => ({
    eventId: t.exposeString("id", { description: "The event's own id, a UUID." }),
    vin: t.string({ description: "The VIN of the vehicle.", resolve: vinOf }),
    type: t.exposeString("type", { description: "What happened, such as `TelemetryReceived`." }),
    revision: t.expose("revision", { type: "Long", description: "Its number on the vehicle's stream, from 0." }),
    at: t.field({
      type: "DateTime",
      nullable: true,
      description: "Device time. Null where no device was involved, or did not say.",
      resolve: ({ data }) => timeOf(data["at"]) ?? null,
    }),
    receivedAt: t.field({
      type: "DateTime",
      description: "When this service received it.",
      resolve: ({ metadata, created }) => timeOf(metadata["receivedAt"]) ?? created,
    }),
    data: t.field({
      type: "JSON",
      description: "In the version of its type that `metadata.schema` names.",
      resolve: ({ data }) => data,
    }),
    metadata: t.field({
      type: "JSON",
      description: "Where it came from: receipt, source, identity of the message.",
      resolve: ({ metadata }) => metadata,
    }),
  }),
})

/** The first revision that is in the log. Fails with `ARCHIVED` if a revision that is asked for is in a file instead. */
const firstInLog = Effect.fnUntraced(function*(store: EventStore["Service"], vin: string, asked: number | undefined) {
  const archived = yield* archivedOf(store, vin)
  const first = (archived.at(-1)?.toRevision ?? -1) + 1
  if (asked === undefined || asked >= first) return first
  const file = archived.find(({ toRevision }) => asked <= toRevision)?.file ?? ""
  return yield* Effect.fail(
    apiError("ARCHIVED", `Event ${asked} of vehicle ${vin} is in the archive, in ${file}`, { file }),
  )
})

const eventAt = Effect.fnUntraced(function*(vin: string, revision: number) {
  const store = yield* EventStore
  yield* firstInLog(store, vin, revision)
  const [event] = yield* Stream.runCollect(store.read(streamOf(vin), { from: revision, limit: 1 }))
  return event?.revision === revision ? event : undefined
})

/** With a filter, a page looks at so many events at most; the client goes on from `endCursor`. */
const maxScanned = 5_000

const list = { name: "events", columns: 1 }

const revisionIn = (cursor: string | null | undefined): number | undefined =>
  typeof cursor === "string" ? Number(decodeKey(list, cursor)[0]) : undefined

/**
 * A page of a vehicle's events in the log, all or those up to a revision, in ascending order. Throws `BAD_INPUT`; fails
 * with `ARCHIVED` where the cursor is of an event that is not there any more.
 */
export const eventsOf = (
  vin: string,
  args: ConnectionArgs & { readonly types?: ReadonlyArray<string> | null | undefined },
  upTo?: number,
): Effect.Effect<Connection<RecordedEvent>, EventsError, EventStore> => {
  const { size, backwards } = sizeOf(args)
  const after = revisionIn(args.after)
  const before = revisionIn(args.before)
  const last = before === undefined ? upTo : Math.min(before - 1, upTo ?? before)
  const types = args.types ? new Set(args.types) : undefined
  const past = (revision: number): boolean =>
    backwards ? after !== undefined && revision <= after : last !== undefined && revision > last

  return Effect.gen(function*() {
    const store = yield* EventStore
    const stream = streamOf(vin)
    const limit = types === undefined ? size + 1 : maxScanned + 1
    const events: Array<RecordedEvent> = []
    let scanned: RecordedEvent | undefined
    let count = 0
    let hasMore = false
    const first = yield* firstInLog(store, vin, backwards ? before : after === undefined ? undefined : after + 1)
    // Read backwards, it must not go on into the archive's files.
    const newest = backwards && first > 0 ? last ?? (yield* store.revision(stream)) : last
    const from = backwards ? newest : (after ?? first - 1) + 1
    if (from === undefined || from >= first) {
      const upToFirst = backwards && from !== undefined ? from - first + 1 : limit
      const options = { limit: Math.min(limit, upToFirst), ...(from !== undefined && { from }) }
      yield* (backwards ? store.readBackwards(stream, options) : store.read(stream, options)).pipe(
        Stream.takeUntil((event) => {
          if (past(event.revision)) return true
          const wanted = types === undefined || types.has(event.type)
          hasMore = count === maxScanned || (wanted && events.length === size)
          if (hasMore) return true
          count++
          scanned = event
          if (wanted) events.push(event)
          return false
        }),
        Stream.runDrain,
      )
    }
    if (backwards) events.reverse()
    const edges = events.map((node) => ({ cursor: encodeKey(list, [node.revision]), node }))
    // Where the scan ended short of a full page, the next one goes on behind it.
    const goesOn = hasMore && events.length < size ? scanned : undefined
    const end = goesOn && encodeKey(list, [goesOn.revision])
    return {
      edges,
      pageInfo: {
        hasNextPage: backwards ? before !== undefined : hasMore,
        hasPreviousPage: backwards ? hasMore : after !== undefined,
        startCursor: (backwards ? end : undefined) ?? edges.at(0)?.cursor ?? null,
        endCursor: (backwards ? undefined : end) ?? edges.at(-1)?.cursor ?? null,
      },
    }
  })
}

type EventsError = Effect.Error<ReturnType<EventStore["Service"]["revision"]>> | GraphQLError

/** Of a vehicle's events in the log, all or those up to a revision. */
export const countEvents = Effect.fnUntraced(function*(vin: string, upTo?: number) {
  const store = yield* EventStore
  const first = yield* firstInLog(store, vin, undefined)
  return Math.max(0, (upTo ?? (yield* store.revision(streamOf(vin)))) + 1 - first)
})
