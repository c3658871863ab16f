/** Looking through the dead letters of all sources, in the order of the log or against it. */
import { Effect, Stream } from "effect"
import type { EventStore, RecordedEvent } from "../eventstore/event-store.ts"
import type { Settlement, Settlements } from "./settlements.ts"
import { byKind, fromEvent, type Kind, type StoredLetter, streamOf } from "./stored-letter.ts"

/** Letters in memory of one source, which have up to 256 KiB each. */
const readAtOnce = 32
/** One scan looks at so many events at most. */
const maxScanned = 5_000

/** For each source the revision to go on with. */
export type Places = Readonly<Record<Kind, number>>

export interface Scan {
  readonly direction: "forwards" | "backwards"
  readonly kinds: ReadonlyArray<Kind>
  readonly from: Places
  /** Nothing past here. */
  readonly to: Places
  /** With what became of it. False ends the scan before this letter; `after` is how to go on behind it. */
  readonly visit: (letter: StoredLetter, settlement: Settlement | undefined, after: () => Places) => boolean
}

export interface Scanned {
  readonly next: Places
  /** All was looked at. */
  readonly complete: boolean
}

/** One source, as far as it is looked through. */
interface Lane {
  readonly kind: Kind
  next: number
  at: number
  read: ReadonlyArray<RecordedEvent>
  ended: boolean
}

export const make = (store: EventStore["Service"], settlements: Readonly<Record<Kind, Settlements>>) =>
  Effect.fnUntraced(function*(scan: Scan) {
    const forwards = scan.direction === "forwards"
    const step = forwards ? 1 : -1
    const lanes = scan.kinds.map((kind): Lane => ({ kind, next: scan.from[kind], at: 0, read: [], ended: false }))
    const next = () => byKind((kind) => lanes.find((lane) => lane.kind === kind)?.next ?? scan.from[kind])
    const isPast = ({ kind }: Lane, revision: number) =>
      forwards ? revision > scan.to[kind] : revision < scan.to[kind]

    const fill = Effect.fnUntraced(function*(lane: Lane) {
      const stream = streamOf(lane.kind)
      if (isPast(lane, lane.next)) lane.ended = true
      else {
        // A read may hold the event loop: others come between two.
        yield* Effect.yieldNow
        const options = { from: lane.next, limit: readAtOnce }
        lane.read = yield* Stream.runCollect(forwards ? store.read(stream, options) : store.readBackwards(stream, options))
        lane.at = 0
        const [first] = lane.read
        const lowest = forwards ? first : lane.read.at(-1)
        if (first === undefined || lowest === undefined || isPast(lane, first.revision)) lane.ended = true
        else {
          lane.next = first.revision
          yield* settlements[lane.kind].reach(lowest.revision)
        }
      }
    })

    for (let scanned = 0; scanned < maxScanned; scanned++) {
      let nearest: Lane | undefined
      for (const lane of lanes) {
        if (!lane.ended && lane.at >= lane.read.length) yield* fill(lane)
        if (!lane.ended && (nearest === undefined || isNearer(lane, nearest, forwards))) nearest = lane
      }
      const event = nearest?.read[nearest.at]
      if (nearest === undefined || event === undefined) return { next: next(), complete: true } satisfies Scanned
      const { kind } = nearest
      const behind = event.revision + step
      const letter = fromEvent(event)
      const goesOn = letter === undefined
        || scan.visit(letter, settlements[kind].of(letter.eventId), () => ({ ...next(), [kind]: behind }))
      if (!goesOn) return { next: next(), complete: false } satisfies Scanned
      nearest.at++
      nearest.next = behind
      if (isPast(nearest, behind)) nearest.ended = true
    }
    return { next: next(), complete: false } satisfies Scanned
  })

const isNearer = (a: Lane, b: Lane, forwards: boolean): boolean => {
  const x = a.read[a.at]
  const y = b.read[b.at]
  return x !== undefined && y !== undefined && (forwards ? x.position < y.position : x.position > y.position)
}
