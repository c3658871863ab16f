/** An event that remembers its JSON as it is stored, so that who writes it out again need not put it together anew. */
import type { JsonObject, RecordedEvent } from "./event-store.ts"
import type { Position } from "./position.ts"
import type { EventRow } from "./sqlite-streams.ts"

export class StoredEvent implements RecordedEvent {
  readonly id: string
  readonly type: string
  readonly data: JsonObject
  readonly metadata: JsonObject
  readonly stream: string
  readonly revision: number
  readonly position: Position
  readonly created: number
  readonly #data: string
  readonly #metadata: string

  /** Throws where `data` or `metadata` is not JSON. */
  constructor(stream: string, position: Position, row: Omit<EventRow, "position">) {
    this.id = row.id
    this.type = row.type
    this.data = JSON.parse(row.data)
    this.metadata = JSON.parse(row.metadata)
    this.stream = stream
    this.revision = row.revision
    this.position = position
    this.created = row.created
    this.#data = row.data
    this.#metadata = row.metadata
  }

  /** Any event's data, as JSON on one line. */
  static dataText(event: RecordedEvent): string {
    return #data in event ? event.#data : JSON.stringify(event.data)
  }

  /** Any event's metadata, as JSON on one line. */
  static metadataText(event: RecordedEvent): string {
    return #metadata in event ? event.#metadata : JSON.stringify(event.metadata)
  }
}
