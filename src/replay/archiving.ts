/**
 * Moves old events out of the log into files, so that the log does not grow for ever.
 *
 * In this order, each step durable before the next: the events up to each vehicle's boundary go to a file, which is
 * read again; the log takes note of it (`archive`); the file gets its name; each vehicle's stream is noted and
 * truncated; the log notes that all is done. Whoever is stopped leaves a file that nobody knows of, which the next run
 * removes, or a note without its end, which the next run finishes. Until it is truncated an event stands in both, and
 * readers hand it out once.
 *
 * `cli/archive.ts` runs it once, `archiver.ts` daily in the service.
 */
import { randomUUID } from "node:crypto"
import { mkdir, readdir, rm } from "node:fs/promises"
import { Effect, Stream } from "effect"
import * as Log from "../eventstore/archive.ts"
import type { EventStore } from "../eventstore/event-store.ts"
import { type Draft, draft, type Progress, type Task, type Told } from "./archive-draft.ts"
import { FileNotWhole, type Held, inspect, type Inspected, move } from "./archive-move.ts"
import { ArchiveNotWritten } from "./archive-writer.ts"
import { rename } from "./rename.ts"

type Store = EventStore["Service"]

export interface Options {
  /** The archive's files. Made if it is not there. */
  readonly folder: string
  /** Only what was received by then, epoch ms. */
  readonly before: number
  /** Says what would be moved, and moves nothing. */
  readonly dryRun: boolean
  readonly progress: Progress
}

export interface Outcome {
  /** Undefined where there was nothing to move. */
  readonly file: string | undefined
  readonly vehicles: number
  readonly events: number
  readonly bytes: number
  /** What runs that were stopped had begun, and this one has finished. */
  readonly earlier: { readonly files: number; readonly events: number }
}

/** What takes long and appends nothing: in this thread, or in another (`archive-thread.ts`). */
export interface Work<E> {
  readonly draft: (task: Task) => Effect.Effect<Draft, E>
  readonly inspect: (file: string) => Effect.Effect<Inspected, E>
}

export const workHere = (log: Store, told: Told) => ({ draft: (task: Task) => draft(log, task, told), inspect })

/** Vehicles truncated at the same time: whoever else appends to the log has to wait for no more than these. */
const movedAtOnce = 4

/**
 * One run. Only one at a time: a second one finds out when it takes note of its file, with `WrongExpectedRevision`, and
 * has moved nothing.
 */
export const run = Effect.fnUntraced(function*<E>(log: Store, work: Work<E>, options: Options) {
  const { before, dryRun, folder, progress } = options
  const nothing: Outcome = { file: undefined, vehicles: 0, events: 0, bytes: 0, earlier: { files: 0, events: 0 } }
  if (dryRun) {
    const { events, vehicles } = yield* work.draft({ before, file: undefined })
    return { ...nothing, vehicles, events }
  }
  const earlier = yield* finishEarlier(log, work, options)

  // Before anything is looked at, so that no other run can have moved it since.
  const noted = yield* Stream.runCollect(log.readBackwards(Log.archiveStream, { limit: 1 }))
  const id = randomUUID()
  const file = yield* attempt(folder, () => freeName(folder))
  const partial = Log.partialName(file, id)
  const removed = Effect.promise(() => rm(`${folder}/${partial}`, { force: true }).catch(() => undefined))
  const { events, vehicles, written } = yield* work.draft({ before, file: `${folder}/${partial}` }).pipe(
    Effect.onError(() => removed),
  )
  if (written === undefined) return { ...nothing, earlier }
  const { bytes, firstPosition, held, lastPosition, sha256, snapshots } = written
  const cutoff = new Date(before).toISOString()
  const data = { file, events, bytes, sha256, firstPosition, lastPosition, cutoff } satisfies Log.ArchiveWritten
  yield* log.append(Log.archiveStream, noted[0]?.revision ?? "no_stream", [
    { id, type: Log.archiveWritten, data, metadata: { schema: 1 } },
  ]).pipe(
    // Any other failure leaves it open whether the log has taken note: the next run finds out.
    Effect.catchTag("WrongExpectedRevision", (error) => Effect.andThen(removed, Effect.fail(error))),
  )
  yield* attempt(file, () => rename(`${folder}/${partial}`, `${folder}/${file}`))
  yield* moveAll(log, file, held, snapshots, progress)
  return { file, vehicles, events, bytes, earlier } satisfies Outcome
})

/** Runs that were stopped after their file was noted, brought to their end; files that nobody knows of are removed. */
const finishEarlier = Effect.fnUntraced(function*<E>(log: Store, work: Work<E>, { folder, progress }: Options) {
  yield* attempt(folder, () => mkdir(folder, { recursive: true }))
  const pending = new Map<string, { readonly events: number; readonly partial: string }>()
  for (const { data, id, position, type } of yield* Stream.runCollect(log.read(Log.archiveStream))) {
    if (type === Log.archiveWritten) {
      const { events, file } = yield* Log.decoded(Log.ArchiveWritten, position, data)
      pending.set(file, { events, partial: Log.partialName(file, id) })
    } else pending.delete(String(data["file"]))
  }
  yield* attempt(folder, async () => {
    const names = new Set(await readdir(folder))
    for (const [file, { partial }] of pending) if (names.delete(partial)) await rename(`${folder}/${partial}`, `${folder}/${file}`)
    await Promise.all([...names].filter((name) => isPartial.test(name)).map((name) => rm(`${folder}/${name}`)))
  })
  let moved = 0
  for (const [file, noted] of pending) {
    const { events, held } = yield* work.inspect(`${folder}/${file}`)
    if (events !== noted.events) {
      return yield* new FileNotWhole({ file, reason: `${events} events of ${noted.events}` })
    }
    yield* moveAll(log, file, held, new Map(), progress)
    moved += events
  }
  return { files: pending.size, events: moved }
})

const moveAll = Effect.fnUntraced(function*(
  log: Store,
  file: string,
  held: ReadonlyArray<Held>,
  snapshots: ReadonlyMap<string, number>,
  progress: Progress,
) {
  let moved = 0
  yield* Effect.forEach(
    held,
    (part) =>
      Effect.map(move(log, file, part, snapshots.get(part.vin)), () => progress("truncating", ++moved, held.length)),
    { concurrency: movedAtOnce, discard: true },
  )
  const notes = yield* Stream.runCollect(log.readBackwards(Log.archiveStream, { limit: 1 }))
  yield* log.append(Log.archiveStream, notes[0]?.revision ?? "no_stream", [
    { id: randomUUID(), type: Log.archiveCompleted, data: { file }, metadata: { schema: 1 } },
  ])
})

const isPartial = /^events-\d+\.parquet\.[-0-9a-f]{36}\.partial$/

const attempt = <A>(file: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new ArchiveNotWritten({ file, cause }) })

/** After all that are there, so that a folder which serves another log by mistake loses nothing. */
const freeName = async (folder: string): Promise<string> => {
  const numbers = (await readdir(folder)).map((name) => Number(/^events-(\d+)\.parquet/.exec(name)?.[1] ?? 0))
  return `events-${String(Math.max(0, ...numbers) + 1).padStart(6, "0")}.parquet`
}
