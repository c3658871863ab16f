/**
 * What is done once a file of the archive is whole: each vehicle's stream says where its events are, and is truncated,
 * and so are its older snapshots. All of it follows from the file, and can be done again, so that who is stopped in the
 * middle is followed by whoever finishes it.
 */
import { Effect, Schema, Stream } from "effect"
import * as Archived from "../../domain/vehicle/archived.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import { openFile } from "../eventstore/archive-file.ts"
import { archivedPrefix } from "../eventstore/archive.ts"
import type { EventStore } from "../eventstore/event-store.ts"
import { startDigest } from "./archive-writer.ts"
import { receivedAtOf } from "./event-line.ts"

type Store = EventStore["Service"]

/** What a file holds of a vehicle. */
export interface Held {
  readonly vin: string
  readonly fromRevision: number
  toRevision: number
  readonly firstReceivedAt: string
  lastReceivedAt: string
}

export class FileNotWhole extends Schema.TaggedError<FileNotWhole>()("FileNotWhole", {
  file: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.file} does not hold what was written into it: ${this.reason}. Nothing was truncated`
  }
}

export interface Inspected {
  readonly held: ReadonlyArray<Held>
  readonly events: number
  readonly digest: string
}

/** Reads a file from its first to its last event. Memory holds a row group, and a few numbers a vehicle. */
export const inspect = (path: string) =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* openFile(path)
    const held = new Map<string, Held>()
    const digest = startDigest()
    let events = 0
    for (const group of file.rowGroups) {
      for (const event of yield* file.events(group)) {
        digest.add(event)
        events++
        const time = receivedAtOf(event) ?? toTime(event.created)
        const known = held.get(event.stream)
        if (known !== undefined && event.revision !== known.toRevision + 1) {
          const reason = `event ${known.toRevision + 1} of ${event.stream} is missing`
          return yield* new FileNotWhole({ file: path, reason })
        }
        if (known === undefined) {
          held.set(event.stream, {
            vin: event.stream.slice(archivedPrefix.length),
            fromRevision: event.revision,
            toRevision: event.revision,
            firstReceivedAt: time,
            lastReceivedAt: time,
          })
        } else {
          known.toRevision = event.revision
          known.lastReceivedAt = time
        }
      }
    }
    return { held: [...held.values()], events, digest: digest.take() } satisfies Inspected
  }))

/** Of the snapshot after a revision on its stream; undefined where it is not there. */
const snapshotOf = (log: Store, vin: string, revision: number) =>
  log.read(Snapshot.streamOf(vin)).pipe(
    Stream.filter(({ metadata }) => metadata["revision"] === revision),
    Stream.runHead,
    Effect.map((found) => found._tag === "Some" ? found.value.revision : undefined),
  )

/** Notes and truncates one vehicle's events. `snapshot` is the boundary's, by its revision; looked for if not given. */
export const move = Effect.fnUntraced(
  function*(log: Store, file: string, held: Held, snapshot: number | undefined) {
    const { vin, ...range } = held
    const notes = Archived.streamOf(vin)
    const [last] = yield* Stream.runCollect(log.readBackwards(notes, { limit: 1 }))
    if (last?.data["file"] !== file) {
      yield* log.append(notes, last?.revision ?? "no_stream", [{
        id: Identity.uuid(`${vin} archived to ${file}`),
        type: Archived.eventType,
        data: { file, ...range } satisfies Archived.EventsArchived,
        metadata: { schema: Archived.version },
      }])
    }
    const boundary = held.toRevision + 1
    yield* log.truncate(streamOf(vin), boundary)
    const kept = snapshot ?? (yield* snapshotOf(log, vin, boundary))
    if (kept !== undefined) yield* log.truncate(Snapshot.streamOf(vin), kept)
  },
  // Its events are gone for good, by another's hand.
  Effect.catchTag("StreamDeleted", () => Effect.void),
)
