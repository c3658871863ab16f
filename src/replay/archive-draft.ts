/**
 * What takes long in a run of the archive, and only reads the log: the events up to each vehicle's boundary go to a file
 * of which nobody knows yet, and the file is read again.
 */
import { Clock, Effect, Stream } from "effect"
import { archivedPrefix } from "../eventstore/archive.ts"
import { youngestMillis } from "../eventstore/archived.ts"
import type { EventStore, RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import * as Boundary from "./archive-boundary.ts"
import { FileNotWhole, type Held, inspect } from "./archive-move.ts"
import { ArchiveNotWritten, create, type Written } from "./archive-writer.ts"

type Store = EventStore["Service"]

export interface Task {
  /** Only what was received by then, epoch ms. */
  readonly before: number
  /** The file's path; it must not be there yet. Undefined: nothing is written. */
  readonly file: string | undefined
}

export interface Told {
  /** Hears why a vehicle's events stay though there is a snapshot after them. */
  readonly left: (reason: Boundary.NoBoundary) => void
  readonly progress: Progress
}

/** Hears how far it has come: events or vehicles of all there are. */
export type Progress = (step: Step, done: number, of: number) => void

export type Step = "checking" | "writing" | "verifying" | "truncating"

export interface Draft {
  readonly vehicles: number
  readonly events: number
  /** Undefined where there is nothing to move, or nothing was to be written. */
  readonly written: WrittenDraft | undefined
}

export interface WrittenDraft extends Pick<Written, "bytes" | "sha256"> {
  readonly firstPosition: Position
  readonly lastPosition: Position
  readonly held: ReadonlyArray<Held>
  /** By VIN, the boundary's snapshot: its revision on its own stream. */
  readonly snapshots: ReadonlyMap<string, number>
}

/** Vehicles checked at the same time. */
const checkedAtOnce = 8

/** Of the log as it is stored. What it has written is durable and whole, or it fails. */
export const draft = Effect.fnUntraced(function*(log: Store, { before, file }: Task, told: Told) {
  const now = yield* Clock.currentTimeMillis
  const found = yield* Boundary.candidates(log, { before, storedBefore: now - youngestMillis })
  const parts = yield* partsOf(log, found, told)
  let events = 0
  for (const { fromRevision, toRevision } of parts.values()) events += toRevision - fromRevision + 1
  const written = events === 0 || file === undefined
    ? undefined
    : yield* write(log, parts, events, file, told.progress)
  return { vehicles: parts.size, events, written } satisfies Draft
})

const partsOf = Effect.fnUntraced(function*(
  log: Store,
  found: ReadonlyMap<string, Boundary.Candidate>,
  { left, progress }: Told,
) {
  const parts = new Map<string, Boundary.Part>()
  let checked = 0
  yield* Effect.forEach(found.values(), (candidate) =>
    Boundary.partOf(log, candidate).pipe(
      Effect.map((part) => {
        if (part !== undefined) parts.set(part.vin, part)
      }),
      Effect.catchTag("NoBoundary", (reason) => Effect.sync(() => left(reason))),
      Effect.map(() => progress("checking", ++checked, found.size)),
    ), { concurrency: checkedAtOnce, discard: true })
  return parts
})

/** The parts' events in the log's order. */
const write = Effect.fnUntraced(function*(
  log: Store,
  parts: ReadonlyMap<string, Boundary.Part>,
  events: number,
  file: string,
  progress: Progress,
) {
  let end: Position = beginning
  const snapshots = new Map<string, number>()
  for (const { lastPosition, snapshot, vin } of parts.values()) {
    if (lastPosition > end) end = lastPosition
    snapshots.set(vin, snapshot)
  }
  let firstPosition: Position = end
  let count = 0
  const isWanted = ({ revision, stream }: RecordedEvent): boolean => {
    const part = parts.get(stream.slice(archivedPrefix.length))
    return part !== undefined && revision >= part.fromRevision && revision <= part.toRevision
  }
  const { bytes, digest, sha256 } = yield* Effect.scoped(Effect.gen(function*() {
    const writer = yield* create(file)
    yield* log.readAll({ after: beginning, filter: { streams: [archivedPrefix] } }).pipe(
      Stream.takeUntil(({ position }) => position >= end),
      Stream.chunks,
      Stream.runForEach((page) => {
        const wanted = page.filter(isWanted)
        if (count === 0 && wanted[0] !== undefined) firstPosition = wanted[0].position
        count += wanted.length
        progress("writing", count, events)
        return writer.add(wanted)
      }),
    )
    return yield* writer.finish
  }))
  progress("verifying", count, events)
  const read = yield* inspect(file).pipe(
    Effect.catchTag("EventStoreUnavailable", ({ cause }) => Effect.fail(new ArchiveNotWritten({ file, cause }))),
  )
  if (count !== events || read.events !== events) {
    return yield* new FileNotWhole({ file, reason: `${read.events} events of ${events}` })
  }
  if (read.digest !== digest) return yield* new FileNotWhole({ file, reason: "some are others" })
  return { bytes, sha256, held: read.held, snapshots, firstPosition, lastPosition: end } satisfies WrittenDraft
})
