/** Dead letters as they are stored: the storage format of `deadletter-<source>`. */
import { Option, Schema } from "effect"
import { Source } from "../../domain/vehicle/events.ts"
import { letterType } from "../../projections/letter-record.ts"
import type { RecordedEvent } from "../eventstore/event-store.ts"

export type Kind = Source["kind"]
export const kinds = Source.fields.kind.literals
const isKind = (text: string): text is Kind => kinds.some((kind) => kind === text)

export const streamOf = (kind: Kind): string => `deadletter-${kind}`

/** Something for each of them. */
export const byKind = <A>(of: (kind: Kind) => A): Readonly<Record<Kind, A>> => ({
  mqtt: of("mqtt"),
  kafka: of("kafka"),
  api: of("api"),
  import: of("import"),
})

const Text = Schema.String
const Payload = Schema.Struct({
  encoding: Schema.Literals(["utf8", "base64"]),
  /** Of a large payload, its beginning. */
  content: Text,
  /** Of the whole payload. */
  bytes: Schema.Int,
  sha256: Text,
})

/** Letters of before `vin` and `key` were kept have neither. */
const Data = Schema.Struct({
  reason: Text,
  message: Text,
  path: Schema.optionalKey(Text),
  vin: Schema.optionalKey(Text),
  key: Schema.optionalKey(Text),
  payload: Payload,
})
const Metadata = Schema.Struct({ receivedAt: Text, source: Source })
const Stored = Schema.Struct({ data: Data, metadata: Metadata })

export interface StoredLetter extends Schema.Schema.Type<typeof Data> {
  /** Where it stands: `mqtt-17`. One that came again stands in two places. */
  readonly id: string
  /** Of all that it says: the same for one that came again. */
  readonly eventId: string
  readonly source: Source
  readonly revision: number
  /** Epoch ms. */
  readonly receivedAt: number
}

const decode = Schema.decodeUnknownOption(Stored)

/** None where the event is not a letter, or not one that this version can read. */
export const fromEvent = (event: RecordedEvent): StoredLetter | undefined => {
  if (event.type !== letterType) return undefined
  const stored = Option.getOrUndefined(decode(event))
  if (stored === undefined) return undefined
  const { source } = stored.metadata
  return {
    ...stored.data,
    id: `${source.kind}-${event.revision}`,
    eventId: event.id,
    source,
    revision: event.revision,
    receivedAt: Date.parse(stored.metadata.receivedAt),
  }
}

/** Undefined where the text is no letter's id. */
export const placeOf = (id: string): { readonly kind: Kind; readonly revision: number } | undefined => {
  const [, kind = "", revision] = /^([a-z]+)-(\d{1,15})$/.exec(id) ?? []
  return isKind(kind) ? { kind, revision: Number(revision) } : undefined
}

/** What is kept of the message. */
export const bytesOf = ({ payload }: StoredLetter): Uint8Array => Buffer.from(payload.content, payload.encoding)

export const isWhole = (letter: StoredLetter): boolean => bytesOf(letter).length === letter.payload.bytes
