/**
 * Plays the events of an export back as telemetry into a broker, in the order in which they were received: what
 * vehicles sent over MQTT, what planners did over GraphQL. What a service works out by itself (clock faults, alerts) is
 * left to the one that is played to.
 */
import { hash } from "node:crypto"
import { Clock, Effect, Result, Schema } from "effect"
import { isMaintenanceStream } from "../../domain/maintenance/alerts/alert-record.ts"
import { maxAheadMs } from "../../domain/vehicle/clock.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { decode, type VehicleRecord } from "../../domain/vehicle/record.ts"
import type { FileEvent } from "./event-file.ts"
import * as EventSource from "./event-source.ts"
import { PlaybackLink } from "./playback-link.ts"
import { isOfOneMessage, type Plan, type Published, type Requested, toMessage } from "./playback-messages.ts"
import { request } from "./playback-requests.ts"

export interface PlaybackOptions {
  readonly files: ReadonlyArray<string>
  readonly mqtt: string
  readonly topicPrefix: string
  /** The service that takes registrations and service records. */
  readonly url?: string
  /** Of these vehicles; of all where it is left out. */
  readonly vins?: ReadonlySet<string>
  /** Times as fast as it was; `Infinity`: as fast as it is taken. */
  readonly speed: number
  /** When the first event happens, epoch ms. As it was where it is left out. */
  readonly startAt?: number
  /** It happens now, and the rest at the pace at which it did: what is measured is measured now. */
  readonly isLive: boolean
  /** Only what stands in the files after this position. */
  readonly after?: string
  readonly progress: (done: Played, fraction: number | undefined) => void
  readonly say: (line: string) => void
}

export interface Played {
  readonly messages: number
  readonly requests: number
  /** Up to here all was taken; undefined where nothing was. */
  readonly position: string | undefined
  /** Readings whose time was not believed, and which would be now. */
  readonly withheld: number
  /** What was not played, by event type. */
  readonly leftOut: ReadonlyMap<string, number>
}

export class PlaybackRefused extends Schema.TaggedError<PlaybackRefused>()("PlaybackRefused", {
  message: Schema.String,
}) {}

/** ms. */
const tellEvery = 200

/** A little less than what a vehicle's clock may be ahead. */
const mostAhead = maxAheadMs - 60_000

/** Told by the service that is played to, with the rest: not left out. */
const derived: ReadonlySet<string> = new Set(["ClockFaultDetected", "AlertRaised", "AlertEscalated", "AlertResolved"])

export const playback = Effect.fnUntraced(function*(options: PlaybackOptions) {
  const { after = "", speed, vins } = options
  const source = yield* EventSource.open(options.files)
  const link = yield* PlaybackLink.make(options.mqtt, {
    lost: () => options.say("The broker is gone; connecting again"),
    back: () => options.say("The broker is back"),
  })
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const base = options.topicPrefix.replace(/\/+$/, "")
  const topics = base === "" ? "vehicles" : `${base}/vehicles`

  const played = new Tally()
  const unseen = new Set(vins)
  let plan: Plan | undefined
  let paced: { readonly from: number; readonly since: number } | undefined
  let receivedAt = 0
  let toldAt = 0
  /** Of one message, of which there may be more to come. */
  let held: [VehicleRecord, ...Array<VehicleRecord>] | undefined

  const tell = () => {
    toldAt = now()
    options.progress(played.at(link.position), source.fraction())
  }

  /** Sends what is held, once its time has come. */
  const release = Effect.fnUntraced(function*() {
    if (held === undefined || plan === undefined) return
    const [first] = held
    const position = (held.at(-1) ?? first).position
    const message = toMessage(held, plan)
    held = undefined
    if (message === undefined) return
    // Streams were received side by side: their times may cross, but time does not go back.
    receivedAt = Math.max(receivedAt, Date.parse(first.event.metadata.receivedAt))
    paced ??= { from: receivedAt, since: now() }
    const wait = paced.since + (receivedAt - paced.from) / speed - now()
    if (wait > 0) yield* Effect.sleep(wait)
    const ahead = receivedAt + plan.offset - now()
    if (options.startAt !== undefined && ahead > mostAhead) return yield* aheadOfTime(ahead)
    if (message._tag === "Requested") return yield* ask(first.event.type, message, position)
    if (!link.hasRoom) yield* link.room
    const { kind, payload, vin } = message
    link.publish(vin, { topic: `${topics}/${vin}/${kind}`, payload, retain: kind === "status", position })
    played.published(message)
    if (now() - toldAt > tellEvery) tell()
  })

  const ask = Effect.fnUntraced(function*(type: string, message: Requested, position: string) {
    if (options.url === undefined) return played.leaveOut(type)
    // What came before it is taken before it.
    yield* link.idle
    yield* request(options.url, message)
    played.requests++
    link.position = position
  })

  const play = Effect.fnUntraced(function*(event: FileEvent) {
    const record = isMaintenanceStream(event.stream) ? undefined : Result.getOrUndefined(decode(event))
    if (record === undefined) {
      if (!derived.has(event.type)) played.leaveOut(event.type)
      return
    }
    const last = held?.at(-1)
    if (held !== undefined && last !== undefined && isOfOneMessage(last, record)) {
      held.push(record)
      return
    }
    if (held !== undefined) yield* release()
    held = [record]
  })

  const finish = Effect.gen(function*() {
    yield* release()
    yield* link.idle
    tell()
  })

  // However it ends, what was taken by then is told.
  yield* Effect.addFinalizer(() => Effect.sync(tell))

  while (true) {
    const page = yield* source.next
    if (page === undefined) break
    for (const event of page.events) {
      const vin = vinOf(event)
      if (vins !== undefined && !vins.has(vin)) continue
      unseen.delete(vin)
      plan ??= planOf(event, options)
      if (event.position > after) yield* play(event)
    }
    if (page.problem !== undefined) return yield* Effect.andThen(finish, Effect.fail(page.problem))
  }
  yield* finish
  if (unseen.size > 0) {
    return yield* new PlaybackRefused({ message: `These files have no events of ${[...unseen].join(", ")}` })
  }
  return played.at(link.position)
}, Effect.scoped)

/** It derives from the events and the options alone, so that the same are played the same. */
const planOf = (first: FileEvent, { isLive, startAt }: PlaybackOptions): Plan => {
  if (startAt === undefined) return { offset: 0, asHistory: true, prefix: "" }
  const name = hash("sha256", `${first.id} ${first.position} ${toTime(startAt)}`, "base64url").slice(0, 10)
  return { offset: startAt - receiptOf(first), asHistory: !isLive, prefix: `replay-${name}-` }
}

/** Epoch ms. */
const receiptOf = ({ metadata }: FileEvent): number => Date.parse(String(metadata["receivedAt"]))

const vinOf = ({ stream }: FileEvent): string => stream.slice(stream.indexOf("-") + 1)

const aheadOfTime = (millis: number) =>
  new PlaybackRefused({
    message: `The next event would happen ${Math.ceil(millis / 60_000)} minutes from now, which a service takes for a `
      + "clock that is wrong: shift to an earlier time, or play it at --speed 1 with --shift now",
  })

class Tally {
  requests = 0
  #messages = 0
  #withheld = 0
  readonly #leftOut = new Map<string, number>()

  published({ withheld }: Published): void {
    this.#messages++
    this.#withheld += withheld
  }

  leaveOut(type: string): void {
    this.#leftOut.set(type, (this.#leftOut.get(type) ?? 0) + 1)
  }

  at(position: string | undefined): Played {
    const { requests } = this
    return { messages: this.#messages, requests, position, withheld: this.#withheld, leftOut: this.#leftOut }
  }
}
