/**
 * An export: events in, in their order, the bytes of a file out. Where the events come from and where the bytes go is
 * the caller's: the log or a service, a file, standard output or an HTTP client.
 */
import { Effect, Result, Stream } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { UnreadableEvent } from "../../domain/vehicle/record.ts"
import type { RecordedEvent } from "../eventstore/event-store.ts"
import { mapBatches } from "./batches.ts"
import { eventColumns, EventTable, eventText } from "./event-table.ts"
import { longColumns, LongTable, longText } from "./long-readings.ts"
import type { Column, Values } from "./parquet.ts"
import { encoder } from "./parquet-thread.ts"
import { type Message, messageOf, type ReadingFilter, telemetryType, wideRowsOf } from "./readings.ts"
import type { Rows } from "./rows.ts"
import type { Selection } from "./selection.ts"
import { type SignalColumn, signalColumn, wideColumns, WideTable, wideText } from "./wide-readings.ts"

/** What a row is: an event, a reading, or a message's readings of one time. */
export type Shape =
  | { readonly _tag: "Events" }
  | { readonly _tag: "Long"; readonly filter: ReadingFilter }
  | { readonly _tag: "Wide"; readonly filter: ReadingFilter; readonly signals: ReadonlyArray<SignalColumn> }

/** How far an export has come. Written to while it runs. */
export interface Tally {
  events: number
  rows: number
  /** Values that a wide table's column could not hold. */
  misfits: number
  /** Of the last event. */
  position: string | undefined
}

export const tally = (): Tally => ({ events: 0, rows: 0, misfits: 0, position: undefined })

/**
 * What to ask the log for, and which of the readings are then wanted. By the vehicle's clock it is a reading's own time
 * that counts, which may differ from its message's.
 */
export const forReadings = (selection: Selection, paths: ReadonlyArray<string> | undefined) => {
  const { from, to, ...rest } = selection
  const filter: ReadingFilter = {
    ...(paths !== undefined && { paths: new Set(paths) }),
    ...(selection.clock === "observed" && from !== undefined && { from }),
    ...(selection.clock === "observed" && to !== undefined && { to }),
  }
  const asked = selection.clock === "observed" ? rest : selection
  return { filter, selection: { ...asked, types: [telemetryType] } satisfies Selection }
}

type Events<E, R> = Stream.Stream<RecordedEvent, E, R>

const gathered = <In, Out, E, R>(
  events: Events<E, R>,
  rows: Rows<In, Out>,
  decode: (event: RecordedEvent) => Result.Result<In | undefined, UnreadableEvent>,
  counted: Tally,
): Stream.Stream<Out, E | UnreadableEvent, R> => {
  const take = () => {
    counted.rows += rows.rows
    return rows.take()
  }
  return events.pipe(
    mapBatches((batch): Effect.Effect<ReadonlyArray<Out>, UnreadableEvent> => {
      const full: Array<Out> = []
      for (const event of batch) {
        const decoded = decode(event)
        if (Result.isFailure(decoded)) return Effect.fail(decoded.failure)
        if (decoded.success !== undefined) rows.add(decoded.success)
        if (rows.isFull) full.push(take())
      }
      counted.events += batch.length
      counted.position = batch.at(-1)?.position
      return Effect.succeed(full)
    }),
    Stream.concat(Stream.suspend(() => rows.rows === 0 ? Stream.empty : Stream.succeed(take()))),
  )
}

const asIs = (event: RecordedEvent): Result.Result<RecordedEvent> => Result.succeed(event)

/** The lines of an export, in blocks that each end with a line. */
export const toText = <E, R>(events: Events<E, R>, shape: Shape, catalogue: Catalogue, counted: Tally) => {
  switch (shape._tag) {
    case "Events":
      return gathered(events, eventText(), asIs, counted)
    case "Long":
      return gathered(events, longText(catalogue, shape.filter), messageOf, counted)
    case "Wide":
      return gathered(events, wideText(shape.signals, shape.filter), messageOf, counted)
  }
}

/** The bytes of a Parquet file, a group of rows at a time. */
export const toParquet = <E, R>(events: Events<E, R>, shape: Shape, catalogue: Catalogue, counted: Tally) => {
  switch (shape._tag) {
    case "Events":
      return encoded(eventColumns, gathered(events, new EventTable(), asIs, counted))
    case "Long":
      return encoded(longColumns, gathered(events, new LongTable(catalogue, shape.filter), messageOf, counted))
    case "Wide": {
      const table = new WideTable(shape.signals, shape.filter)
      const count = Effect.sync(() => {
        counted.misfits = table.misfits
      })
      return encoded(wideColumns(shape.signals), Stream.onEnd(gathered(events, table, messageOf, counted), count))
    }
  }
}

/** One group is encoded while the next is gathered, and no more: memory holds three. */
const groupsUnderWay = 2

const encoded = <E, R>(columns: ReadonlyArray<Column>, groups: Stream.Stream<ReadonlyArray<Values>, E, R>) =>
  Stream.unwrap(Effect.map(encoder(columns), ({ end, rows }) =>
    groups.pipe(
      Stream.mapEffect(rows, { concurrency: groupsUnderWay }),
      Stream.concat(Stream.fromEffect(end)),
    )))

/** The columns of the signals that have a reading which a wide table takes, in the order of their paths. */
export const signalsIn = <E, R>(events: Events<E, R>, filter: ReadingFilter, catalogue: Catalogue, counted: Tally) => {
  const found = new Set<string>()
  const look = {
    rows: 0,
    isFull: false,
    add: (message: Message) => {
      for (const { values } of wideRowsOf(message, filter)) for (const path of values.keys()) found.add(path)
    },
    take: () => undefined,
  } satisfies Rows<Message, undefined>
  return gathered(events, look, messageOf, counted).pipe(
    Stream.runDrain,
    Effect.map(() => [...found].toSorted().map((path) => signalColumn(path, catalogue))),
  )
}
