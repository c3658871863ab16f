/** What the log and the twins must be, worked out from what was published. */
import type { SignalValue } from "../../domain/signals/signal.ts"
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import type { LedgerEntry, Message } from "./publisher.ts"

export interface Account {
  /** Acknowledged, and not in the vehicle's stream. */
  readonly lost: number
  /** More than once in it. */
  readonly repeated: number
  /** After a message that the vehicle published later. */
  readonly outOfOrder: number
  /** Nobody published it, or not so. */
  readonly strange: number
}

/** Holds what stands on the vehicles' streams against what they published. */
export const account = (
  ledger: ReadonlyArray<LedgerEntry>,
  streams: ReadonlyMap<string, ReadonlyArray<RecordedEvent>>,
): Account => {
  const published = new Map(ledger.map((entry) => [nameOf(`vehicle-${entry.vin}`, entry.message), entry]))
  const stored = new Set<LedgerEntry>()
  let repeated = 0
  let outOfOrder = 0
  let strange = 0
  for (const [stream, events] of streams) {
    let newest = -1
    for (const { data, type } of whilePublishing(events)) {
      const entry = published.get(nameOf(stream, data as Partial<Message>))
      if (type !== "TelemetryReceived" || entry === undefined || !saysTheSame(entry.message, data)) strange++
      else if (stored.has(entry)) repeated++
      else {
        stored.add(entry)
        if (entry.n < newest) outOfOrder++
        newest = Math.max(newest, entry.n)
      }
    }
  }
  const lost = ledger.filter((entry) => entry.acknowledged && !stored.has(entry)).length
  return { lost, repeated, outOfOrder, strange }
}

/** A vehicle that publishes no more is missed after a while, which is an event too. */
export const isMissed = ({ type }: RecordedEvent): boolean =>
  type === "VehicleWentStale" || type === "VehicleWentSilent"

/** A vehicle's events up to the last that it published. */
export const whilePublishing = (events: ReadonlyArray<RecordedEvent>): ReadonlyArray<RecordedEvent> =>
  events.slice(0, events.findLastIndex((event) => !isMissed(event)) + 1)

const nameOf = (stream: string, { seq, session }: Partial<Message>): string => `${stream} ${session} ${seq}`

const saysTheSame = ({ at, signals }: Message, data: RecordedEvent["data"]): boolean => {
  const readings = { ...data["readings"] as object, ...data["personal"] as object }
  return data["at"] === at && JSON.stringify(sorted(readings)) === JSON.stringify(sorted(signals))
}

const sorted = (record: object) => Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))

export interface ExpectedSignal {
  readonly path: string
  readonly value: SignalValue
  readonly at: string
  readonly revision: number
}

/** A vehicle's signals after these messages of it, in order: of each the newest by device time. */
export const expectedSignals = (messages: ReadonlyArray<Message>): ReadonlyArray<ExpectedSignal> => {
  const signals = new Map<string, ExpectedSignal>()
  for (const [revision, { at, signals: sent }] of messages.entries()) {
    for (const [path, value] of Object.entries(sent)) {
      const known = signals.get(path)
      if (known === undefined || known.at <= at) signals.set(path, { path, value, at, revision })
    }
  }
  return [...signals.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
