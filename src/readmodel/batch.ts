/** Events in, rows and checkpoints out, in one transaction. */
import { Effect, Metric, Result } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as Alert from "../../domain/maintenance/alerts/alert-record.ts"
import * as Vehicle from "../../domain/vehicle/record.ts"
import { decodeLetter, letterType } from "../../projections/letter-record.ts"
import type { Record } from "../../projections/projection.ts"
import type { RecordedEvent } from "../eventstore/event-store.ts"
import type { Position } from "../eventstore/position.ts"
import * as Checkpoints from "./checkpoints.ts"
import type { ReadModelUnavailable } from "./errors.ts"
import type { AnyFolding } from "./folding.ts"
import * as Metrics from "./metrics.ts"

/** Events folded before others get the event loop: some milliseconds. */
const slice = 128

/** What projections fold, as a filter of the log. */
export const filter = { streams: ["vehicle-", "maintenance-", "deadletter-"] } as const

export interface Batch {
  readonly events: ReadonlyArray<RecordedEvent>
  /** At or past the last event's position. */
  readonly upTo: Position
}

/**
 * Folds a batch. All foldings' rows and checkpoints are committed together; then `committed` is called. This is once,
 * but for the rare fold that needs rows it is not given before the batch has been written, where it is once a part.
 */
export const run = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  foldings: ReadonlyArray<AnyFolding>,
  batch: Batch,
  committed: (upTo: Position) => Effect.Effect<void>,
): Effect.fn.Return<void, SqlError.SqlError | Checkpoints.CheckpointMoved | ReadModelUnavailable> {
  const records = yield* decode(batch.events)
  let start = 0
  do {
    const vins = new Set<string>()
    for (let i = start; i < records.length; i++) vins.add(vinAt(records, i))
    const left = start === 0 ? records : records.slice(start)
    for (const folding of foldings) yield* folding.load(vins, left)
    let end = start
    let more = true
    while (more && end < records.length) {
      const record = records[end++]
      if (record === undefined) break
      for (const folding of foldings) if (!folding.fold(record)) more = false
      if (end % slice === 0) yield* Effect.yieldNow
    }
    const upTo = end === records.length ? batch.upTo : positionAt(records, end - 1)
    for (const folding of foldings) yield* folding.prepare
    const moving = foldings.map(({ checkpoint }) => checkpoint).filter(({ position }) => position < upTo)
    yield* sql.withTransaction(Effect.andThen(
      // First, so that another projector at work waits here, and then finds that it has lost.
      Checkpoints.advance(sql, moving, upTo),
      Effect.forEach(foldings, (folding) => folding.write, { discard: true }),
    ))
    for (const folding of foldings) folding.committed(upTo)
    yield* committed(upTo)
    start = end
  } while (start < records.length)
})

const vinAt = (records: ReadonlyArray<Record>, i: number): string => records[i]?.vin ?? ""

const positionAt = (records: ReadonlyArray<Record>, i: number): Position => records[i]?.position as Position

const decode = Effect.fnUntraced(function*(events: ReadonlyArray<RecordedEvent>) {
  const records: Array<Record> = []
  let unreadable = 0
  let first: Vehicle.UnreadableEvent | undefined
  for (const event of events) {
    if (event.type === letterType) {
      const letter = decodeLetter(event)
      if (letter !== undefined) records.push(letter)
      continue
    }
    const decoded: Result.Result<Record | undefined, Vehicle.UnreadableEvent> =
      Alert.isMaintenanceStream(event.stream) ? Alert.decode(event) : Vehicle.decode(event)
    if (Result.isFailure(decoded)) {
      unreadable += 1
      first ??= decoded.failure
    } else if (decoded.success !== undefined) {
      records.push(decoded.success)
    }
  }
  if (first !== undefined) {
    yield* Metric.update(Metrics.unreadable, unreadable)
    yield* Effect.logWarning(`${unreadable} event(s) of ${events.length} passed over`, first)
  }
  return records
})
