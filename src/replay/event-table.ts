/** Events as a table: the columns of `event-line.ts`, typed, into Parquet and back. */
import { Effect, Stream } from "effect"
import type { JsonObject, RecordedEvent } from "../eventstore/event-store.ts"
import { StoredEvent } from "../eventstore/stored-event.ts"
import { mapBatches } from "./batches.ts"
import { NumberBuffer, RepeatingTextBuffer, TextBuffer } from "./column-buffers.ts"
import { type EventLine, observedAtOf, receivedAtOf, vinOf } from "./event-line.ts"
import type { Column, Values } from "./parquet.ts"
import { describe, ParquetUnreadable, readGroups, type Row } from "./parquet-reader.ts"
import { type Rows, TextRows } from "./rows.ts"

export const eventColumns: ReadonlyArray<Column & { readonly name: keyof EventLine }> = [
  { name: "position", ranged: true, type: "text", distinct: true },
  { name: "stream", ranged: true, type: "text" },
  { name: "revision", ranged: true, type: "whole" },
  { name: "id", type: "text", distinct: true },
  { name: "type", type: "text" },
  { name: "vin", ranged: true, type: "text", nullable: true },
  { name: "observedAt", ranged: true, type: "time", nullable: true },
  { name: "receivedAt", ranged: true, type: "time" },
  { name: "created", ranged: true, type: "time" },
  { name: "data", type: "json" },
  { name: "metadata", type: "json" },
]

/** A group of rows ends after so many events, or UTF-16 units of their JSON. */
const maxRows = 10_000
const maxUnits = 2 * 1024 * 1024

/** Gathers events until they make a group of rows for `Encoder.rows`. */
export class EventTable implements Rows<RecordedEvent, ReadonlyArray<Values>> {
  readonly #position = new TextBuffer()
  readonly #stream = new RepeatingTextBuffer()
  readonly #revision = new NumberBuffer()
  readonly #id = new TextBuffer()
  readonly #type = new RepeatingTextBuffer()
  readonly #vin = new RepeatingTextBuffer()
  readonly #observedAt = new NumberBuffer()
  readonly #receivedAt = new NumberBuffer()
  readonly #created = new NumberBuffer()
  readonly #data = new TextBuffer()
  readonly #metadata = new TextBuffer()
  #units = 0

  get rows(): number {
    return this.#position.length
  }

  get isFull(): boolean {
    return this.rows >= maxRows || this.#units >= maxUnits
  }

  add(event: RecordedEvent): void {
    const data = StoredEvent.dataText(event)
    const metadata = StoredEvent.metadataText(event)
    const observedAt = observedAtOf(event)
    const receivedAt = receivedAtOf(event)
    this.#position.push(event.position)
    this.#stream.push(event.stream)
    this.#revision.push(event.revision)
    this.#id.push(event.id)
    this.#type.push(event.type)
    this.#vin.push(vinOf(event.stream))
    this.#observedAt.push(observedAt === null ? Number.NaN : Date.parse(observedAt))
    this.#receivedAt.push(receivedAt === null ? event.created : Date.parse(receivedAt))
    this.#created.push(event.created)
    this.#data.push(data)
    this.#metadata.push(metadata)
    this.#units += data.length + metadata.length
  }

  /** What was gathered, by column; begins anew. */
  take(): ReadonlyArray<Values> {
    this.#units = 0
    return [
      this.#position,
      this.#stream,
      this.#revision,
      this.#id,
      this.#type,
      this.#vin,
      this.#observedAt,
      this.#receivedAt,
      this.#created,
      this.#data,
      this.#metadata,
    ].map((column) => column.take())
  }
}

/** The events of a Parquet file that an export or an archive has written. What is in the columns is not checked. */
export const readEvents = (file: string): Stream.Stream<EventLine, ParquetUnreadable> =>
  Stream.unwrap(Effect.gen(function*() {
    const { columns } = yield* describe(file)
    const missing = eventColumns.filter(({ name }) => !columns.includes(name)).map(({ name }) => name)
    if (missing.length > 0) {
      const cause = new Error(`it is no export of events: it has no ${missing.join(", ")}`)
      return yield* new ParquetUnreadable({ file, cause })
    }
    return readGroups(file).pipe(
      Stream.mapEffect((rows) =>
        Effect.try({ try: () => rows.map(lineOf), catch: (cause) => new ParquetUnreadable({ file, cause }) })
      ),
      mapBatches((groups) => Effect.succeed(groups.flat())),
    )
  }))

const lineOf = ({ data, metadata, observedAt, revision, vin, ...rest }: Row): EventLine => ({
  ...rest,
  revision: Number(revision),
  vin: vin ?? null,
  observedAt: observedAt ?? null,
  data: jsonOf(data),
  metadata: jsonOf(metadata),
}) as EventLine

/** A tool that wrote the file again may have left JSON as text. */
const jsonOf = (value: unknown): JsonObject => typeof value === "string" ? JSON.parse(value) : value as JsonObject

/** Events as lines of NDJSON (`EventLine`), put together from parts: JSON.stringify of a line takes half as long again. */
export const eventText = () => {
  let lastCreated = Number.NaN
  let created = ""
  return new TextRows((event: RecordedEvent, line: (text: string) => void) => {
    // Events of one commit have one time.
    if (event.created !== lastCreated) {
      lastCreated = event.created
      created = JSON.stringify(new Date(lastCreated).toISOString())
    }
    const observedAt = observedAtOf(event)
    const receivedAt = receivedAtOf(event)
    line(
      `{"position":"${event.position}","stream":${JSON.stringify(event.stream)},"revision":${event.revision}`
        + `,"id":${JSON.stringify(event.id)},"type":${JSON.stringify(event.type)}`
        + `,"vin":${JSON.stringify(vinOf(event.stream))},"observedAt":${JSON.stringify(observedAt)}`
        + `,"receivedAt":${receivedAt === null ? created : JSON.stringify(receivedAt)},"created":${created}`
        + `,"data":${StoredEvent.dataText(event)},"metadata":${StoredEvent.metadataText(event)}}\n`,
    )
  })
}
