/**
 * EventStoreDB's log in memory: streams, all events in one order, and what an append does with ids and revisions
 * (`IndexWriter.CheckCommit` of the server, version 23.10). Nothing of gRPC is in here.
 */
import { randomUUID } from "node:crypto"
import {
  deletedRevision,
  isMetastream,
  metastreamOf,
  noMetadata,
  parseMetadata,
  softlyDeleted,
  type StreamMetadata,
  withTruncateBefore,
} from "./eventstoredb-server-metadata.ts"

export interface ProposedEvent {
  readonly id: string
  readonly type: string
  readonly json: boolean
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

export interface LogRecord extends ProposedEvent {
  readonly stream: string
  readonly revision: bigint
  /** Commit and prepare position are one, as modern servers write. */
  readonly position: bigint
  /** Ticks of 100 ns since 1970. */
  readonly created: bigint
}

export type ExpectedRevision = bigint | "no_stream" | "stream_exists" | "any"

/** `current` is −1 where the stream has no events. Of what stood there but cannot be read the position is not known. */
export type AppendOutcome =
  | { readonly _tag: "Success"; readonly revision: bigint; readonly position: bigint | undefined }
  | { readonly _tag: "WrongExpectedVersion"; readonly current: bigint }
  | { readonly _tag: "StreamDeleted" }

export type StreamView =
  | { readonly _tag: "NotFound" }
  | { readonly _tag: "Deleted" }
  /** `records[n]` has revision n; those before `first` are not to be read. `records` grows as the stream does. */
  | { readonly _tag: "Found"; readonly first: number; readonly records: ReadonlyArray<LogRecord> }

interface StreamState {
  readonly records: Array<LogRecord>
  tombstoned: boolean
  metadata: StreamMetadata
}

interface Recent {
  readonly stream: string
  readonly revision: number
}

export interface EventStoreDbLogOptions {
  /** How many ids are remembered for appends that expect any revision. */
  readonly recentIds?: number
  /** The server writes its own statistics among the events: one event after so many. */
  readonly statisticsEvery?: number
}

/** Past what a double holds exactly: a client that takes a position for a number is found out. */
const firstPosition = 2n ** 53n + 1n

const statisticsStream = "$stats-127.0.0.1:2113"

export class EventStoreDbLog {
  readonly #records: Array<LogRecord> = []
  readonly #streams = new Map<string, StreamState>()
  readonly #recent = new Map<string, Recent>()
  /** A ring: the next id takes the place of the oldest. */
  #recentIds: Array<string> = []
  #oldestId = 0
  readonly #recentLimit: number
  readonly #statisticsEvery: number
  readonly #listeners = new Set<() => void>()
  #nextPosition = firstPosition
  #untilStatistics: number

  constructor(options: EventStoreDbLogOptions = {}) {
    this.#recentLimit = options.recentIds ?? 10_000
    this.#statisticsEvery = options.statisticsEvery ?? 100
    this.#untilStatistics = this.#statisticsEvery
    this.#write(metastreamOf(statisticsStream), [jsonEvent("$metadata", { $maxAge: 86_400 })])
    this.startAnew()
  }

  /** All events in the order of their positions; grows as the log does. */
  get records(): ReadonlyArray<LogRecord> {
    return this.#records
  }

  /** What a server does as it starts: the recent ids are gone, and a new epoch is written. */
  startAnew(): void {
    this.#recent.clear()
    this.#recentIds = []
    this.#oldestId = 0
    this.#write("$epoch-information", [jsonEvent("$epoch-information", { epoch: this.#records.length })])
    this.#announce()
  }

  /** Hears of every append after it. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The last revision: −1 without events, `deletedRevision` after a tombstone. */
  lastRevision(stream: string): bigint {
    if (this.#isTombstoned(stream)) return deletedRevision
    return BigInt(this.#streams.get(stream)?.records.length ?? 0) - 1n
  }

  /** How many events were ever written to the stream. */
  countOf(stream: string): number {
    return this.#streams.get(stream)?.records.length ?? 0
  }

  /** The index in `records` of the first event after the position. */
  indexAfter(position: bigint): number {
    let low = 0
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const record = this.#records[middle]
      if (record !== undefined && record.position <= position) low = middle + 1
      else high = middle
    }
    return low
  }

  append(stream: string, expected: ExpectedRevision, events: ReadonlyArray<ProposedEvent>): AppendOutcome {
    return this.#settled(stream, expected, events) ?? this.#commit(stream, events)
  }

  /** Softly: a mark in the stream's metadata, in place of what was there. Or for good. */
  delete(stream: string, expected: ExpectedRevision, tombstone: boolean): AppendOutcome {
    const current = this.lastRevision(stream)
    const settled = this.#settled(stream, expected, [proposed("$streamDeleted", new Uint8Array())])
    if (settled !== undefined) return settled
    const position = tombstone
      ? this.#tombstone(stream)
      : this.#write(metastreamOf(stream), [proposed("$metadata", softlyDeleted)])
    this.#announce()
    return { _tag: "Success", revision: tombstone ? deletedRevision : current, position }
  }

  view(stream: string): StreamView {
    if (this.#isTombstoned(stream)) return { _tag: "Deleted" }
    const state = this.#streams.get(stream)
    if (state === undefined || state.records.length === 0 || this.#isSoftlyDeleted(stream)) return { _tag: "NotFound" }
    return { _tag: "Found", first: firstReadable(stream, state), records: state.records }
  }

  /** What becomes of an append that is not to be written: `CheckCommit`. */
  #settled(
    stream: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<ProposedEvent>,
  ): AppendOutcome | undefined {
    const current = this.lastRevision(stream)
    if (current === deletedRevision) return { _tag: "StreamDeleted" }
    if (expected === "stream_exists") {
      if (this.#isSoftlyDeleted(stream)) return { _tag: "StreamDeleted" }
      if (current < 0n && this.lastRevision(metastreamOf(stream)) < 0n) return wrong(current)
    }
    if (expected === "any" || expected === "stream_exists") {
      const repeated = this.#recentlyWritten(stream, events)
      if (repeated === "in part") return wrong(current)
      return repeated === "not" ? undefined : this.#standsAt(stream, repeated)
    }
    const from = expected === "no_stream" ? -1n : expected
    if (from > current) return wrong(current)
    if (from === current) return undefined
    const standing = this.#standing(stream, Number(from) + 1, events)
    if (standing === events.length) return this.#standsAt(stream, Number(from) + events.length)
    return standing === 0 && from === -1n && this.#isSoftlyDeleted(stream) ? undefined : wrong(current)
  }

  #isTombstoned(stream: string): boolean {
    const name = isMetastream(stream) ? stream.slice(2) : stream
    return this.#streams.get(name)?.tombstoned === true
  }

  #isSoftlyDeleted(stream: string): boolean {
    return this.#streams.get(stream)?.metadata.truncateBefore === deletedRevision
  }

  /** How many of the events stand in the stream from the revision on, truncated ones among them. */
  #standing(stream: string, revision: number, events: ReadonlyArray<ProposedEvent>): number {
    const records = this.#streams.get(stream)?.records ?? []
    let count = 0
    for (const event of events) {
      if (records[revision + count]?.id !== event.id) break
      count++
    }
    return count
  }

  /** The revision of the last of the events where all of their ids are remembered. */
  #recentlyWritten(stream: string, events: ReadonlyArray<ProposedEvent>): number | "in part" | "not" {
    let last: number | "not" = "not"
    for (const event of events) {
      const recent = this.#recent.get(event.id)
      if (recent === undefined || recent.stream !== stream) return last === "not" ? "not" : "in part"
      last = recent.revision
    }
    return last
  }

  #standsAt(stream: string, revision: number): AppendOutcome {
    const state = this.#streams.get(stream)
    const record = state?.records[revision]
    const readable = state !== undefined && !this.#isSoftlyDeleted(stream) && revision >= firstReadable(stream, state)
    return { _tag: "Success", revision: BigInt(revision), position: readable ? record?.position : undefined }
  }

  #commit(stream: string, events: ReadonlyArray<ProposedEvent>): AppendOutcome {
    const undeleting = this.#isSoftlyDeleted(stream)
    const next = this.lastRevision(stream) + 1n
    const original = isMetastream(stream) ? stream.slice(2) : undefined
    const undeletingOriginal = original !== undefined && this.#isSoftlyDeleted(original)
    const position = this.#write(stream, events)
    if (undeleting) this.#undelete(stream, next)
    if (undeletingOriginal) this.#undelete(original, this.lastRevision(original) + 1n)
    this.#untilStatistics -= events.length
    if (this.#untilStatistics <= 0) {
      this.#untilStatistics = this.#statisticsEvery
      this.#write(statisticsStream, [jsonEvent("$statsCollected", { events: this.#records.length })])
    }
    this.#announce()
    return { _tag: "Success", revision: this.lastRevision(stream), position }
  }

  /** A softly deleted stream goes on where it was: its metadata now truncates before the new events. */
  #undelete(stream: string, before: bigint): void {
    const metadata = this.#streams.get(metastreamOf(stream))?.records.at(-1)
    const mended = metadata === undefined ? undefined : withTruncateBefore(metadata.data, before)
    if (mended !== undefined) this.#write(metastreamOf(stream), [proposed("$metadata", mended)])
  }

  #tombstone(stream: string): bigint {
    this.#stateOf(stream).tombstoned = true
    const event: ProposedEvent = { ...proposed("$streamDeleted", new Uint8Array()), json: false }
    return this.#record(stream, deletedRevision, event).position
  }

  #write(stream: string, events: ReadonlyArray<ProposedEvent>): bigint | undefined {
    const state = this.#stateOf(stream)
    for (const event of events) {
      const revision = state.records.length
      state.records.push(this.#record(stream, BigInt(revision), event))
      this.#remember(event.id, { stream, revision })
    }
    const last = state.records.at(-1)
    if (isMetastream(stream) && last !== undefined) this.#stateOf(stream.slice(2)).metadata = parseMetadata(last.data)
    return last?.position
  }

  #record(stream: string, revision: bigint, event: ProposedEvent): LogRecord {
    const position = this.#nextPosition
    const record: LogRecord = { ...event, stream, revision, position, created: BigInt(Date.now()) * 10_000n }
    // About what a record takes on the server's disk.
    this.#nextPosition += BigInt(80 + stream.length + event.type.length + event.data.length + event.metadata.length)
    this.#records.push(record)
    return record
  }

  #remember(id: string, recent: Recent): void {
    const oldest = this.#recentIds[this.#oldestId]
    if (oldest !== undefined) this.#recent.delete(oldest)
    this.#recentIds[this.#oldestId] = id
    this.#oldestId = (this.#oldestId + 1) % this.#recentLimit
    this.#recent.set(id, recent)
  }

  #stateOf(stream: string): StreamState {
    let state = this.#streams.get(stream)
    if (state === undefined) {
      state = { records: [], tombstoned: false, metadata: noMetadata }
      this.#streams.set(stream, state)
    }
    return state
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
  }
}

const firstReadable = (stream: string, state: StreamState): number => {
  const count = BigInt(state.records.length)
  const { truncateBefore = 0n, maxCount = count } = isMetastream(stream)
    ? { maxCount: 1n }
    : state.metadata
  const first = count > maxCount ? count - maxCount : 0n
  const from = truncateBefore > first ? truncateBefore : first
  return Number(from < count ? from : count)
}

const wrong = (current: bigint): AppendOutcome => ({ _tag: "WrongExpectedVersion", current })

const proposed = (type: string, data: Uint8Array): ProposedEvent => ({
  id: randomUUID(),
  type,
  json: true,
  data,
  metadata: new Uint8Array(),
})

const jsonEvent = (type: string, data: object): ProposedEvent => proposed(type, Buffer.from(JSON.stringify(data)))
