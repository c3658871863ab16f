/**
 * A simulated fleet on real MQTT connections: each vehicle's unit samples when its time has come, and its link sends.
 *
 * The n-th sample of the fleet is due n / rate seconds after the start and is the n-th vehicle's, in turn. It is dated
 * by the simulated clock, so that with the same seed, start, rate, speed and number of vehicles every vehicle says the
 * same, however fast the broker takes it. A broker slower than the rate makes samples late, never lost.
 */
import { Clock, Duration, Effect, Schema } from "effect"
import { Link, type LinkEvents } from "./link.ts"
import * as NdjsonFile from "./ndjson-file.ts"
import { Sampler } from "./sampler.ts"
import { type Message, TelematicsUnit } from "./telematics-unit.ts"

export interface FleetOptions {
  /** `mqtt:`, `mqtts:`, `ws:` or `wss:`, with user and password if the broker asks for them. */
  readonly url: string
  readonly vehicles: number
  /** Samples a second of the whole fleet; faults add and withhold messages. */
  readonly rate: number
  readonly seed: number
  readonly faults: boolean
  /** Simulated seconds a second. */
  readonly speed: number
  /**
   * Epoch ms of the simulated clock's beginning. Left out: now; or with a speed above 1 as long ago as the run is ahead
   * of the clock (an hour's run, if it has no end; 9 days at most). Then no sample is dated in the future: a fleet that
   * has caught up with the clock goes on at its pace.
   */
  readonly start?: number | undefined
  /** Ends after so long. */
  readonly duration?: Duration.Duration | undefined
  /** Ends after so many samples. */
  readonly count?: number | undefined
  /** Label file: what went wrong on purpose; see `label.ts`. */
  readonly labels?: string | undefined
  /** Ledger file: every message published, with its vehicle, session, seq (or id), and whether it was acknowledged. */
  readonly ledger?: string | undefined
  /** Told how the run stands every few seconds, and at its end, also when it is interrupted. */
  readonly progress: (summary: Summary) => Effect.Effect<void>
}

export interface Summary {
  readonly samples: number
  /** Messages, without the status ones; the same one twice counts twice, sent again after a broken connection does not. */
  readonly published: number
  readonly acknowledged: number
  readonly resent: number
  readonly connectionsLost: number
  /** Samples that were due by the end and not taken, since the broker was slower than the rate. */
  readonly behind: number
  readonly seconds: number
}

export class BrokerUnreachable extends Schema.TaggedError<BrokerUnreachable>()("BrokerUnreachable", {
  url: Schema.String,
  connected: Schema.Int,
  wanted: Schema.Int,
  cause: Schema.Defect(),
}) {
  override get message() {
    const reason = this.cause instanceof Error ? this.cause.message || this.cause.name : "no answer"
    const how = this.connected === 0 ? "" : ` by all: ${this.connected} of ${this.wanted} connections stand`
    return `The MQTT broker at ${this.url} was not reached within ${patience / 1_000} s${how} (${reason})`
  }
}

export class NotAcknowledged extends Schema.TaggedError<NotAcknowledged>()("NotAcknowledged", {
  count: Schema.Int,
}) {
  override get message() {
    return `${this.count} messages were not acknowledged within ${patience / 1_000} s of the end`
  }
}

/** Up to so many vehicles each have a connection and a will of their own; more share so many connections. */
export const mostOwnConnections = 1_000
export const sharedConnections = 100

/** For all connections to stand at the start, and for the last acknowledgement at the end, ms. */
const patience = 10_000
const mostConnecting = 100
const tick = 5
const progressEvery = 5_000
const longestPast = 9 * 86_400_000

/** Runs until its end, or until it is interrupted: then too the fleet sends what it kept and says goodbye. */
export const run = Effect.fn("Fleet.run")(function*(options: FleetOptions) {
  const ledger = options.ledger === undefined ? NdjsonFile.none : yield* NdjsonFile.make(options.ledger)
  const labels = options.labels === undefined ? NdjsonFile.none : yield* NdjsonFile.make(options.labels)
  const start = options.start ?? defaultStart(options, yield* Clock.currentTimeMillis)
  const count = { published: 0, acknowledged: 0, resent: 0, connectionsLost: 0, behind: 0, seconds: 0 }
  const record = ({ vehicle, session, seq, id, flaw }: Message, acknowledged: boolean) =>
    ledger.write({ vehicle, session, seq, id, flaw, acknowledged })
  const links = makeLinks(options, start, {
    published: () => count.published++,
    resent: () => count.resent++,
    brokerLost: () => count.connectionsLost++,
    acknowledged: (message) => {
      count.acknowledged++
      record(message, true)
    },
  })
  const sampler = new Sampler(links, labels, { ...options, start })
  const summary = (): Summary => ({ ...count, samples: sampler.samples })

  const leave = Effect.gen(function*() {
    sampler.leave()
    yield* waitFor(() => links.every((link) => link.idle))
    for (const message of links.flatMap((link) => link.unacknowledged())) record(message, false)
    yield* Effect.promise(() => Promise.all(links.map((link) => link.close())))
    if (sampler.samples > 0) yield* options.progress(summary())
  })

  yield* connectAll(options.url, links).pipe(
    Effect.andThen(Effect.gen(function*() {
      const began = yield* Clock.currentTimeMillis
      const ends = options.duration === undefined ? Infinity : began + Duration.toMillis(options.duration)
      let reportAt = began + progressEvery
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        const due = dueBy(options, start, Math.min(now, ends) - began, now)
        const more = sampler.sampleDue(due)
        count.seconds = (now - began) / 1_000
        count.behind = due - sampler.samples
        if (now >= ends || sampler.samples >= (options.count ?? Infinity)) return
        if (now >= reportAt) {
          reportAt = now + progressEvery
          yield* options.progress(summary())
        }
        yield* Effect.sleep(more ? 0 : tick)
      }
    })),
    Effect.ensuring(leave),
  )
  const missing = links.flatMap((link) => link.unacknowledged()).length
  if (missing > 0) return yield* new NotAcknowledged({ count: missing })
  return summary()
}, Effect.scoped)

/** One line for people. */
export const describe = (summary: Summary): string => {
  const { samples, published, acknowledged, resent, connectionsLost, behind, seconds } = summary
  const rate = seconds === 0 ? 0 : Math.round(acknowledged / seconds)
  const parts = [
    `${seconds.toFixed(0)} s`,
    `${samples} samples`,
    `${published} messages, ${acknowledged} acknowledged (${rate}/s)`,
    ...(resent > 0 ? [`${resent} sent again`] : []),
    ...(connectionsLost > 0 ? [`${connectionsLost} connections lost`] : []),
    ...(behind > 0 ? [`${behind} samples behind`] : []),
  ]
  return parts.join(", ")
}

/** How many samples should have been taken `elapsed` ms after the beginning. */
const dueBy = ({ rate, speed, start: wanted, count }: FleetOptions, start: number, elapsed: number, now: number) => {
  const byRate = (elapsed * rate) / 1_000 + 1
  const byClock = wanted === undefined ? ((now - start) * rate) / (1_000 * speed) + 1 : Infinity
  return Math.floor(Math.min(byRate, byClock, count ?? Infinity))
}

const defaultStart = ({ speed, duration, count, rate }: FleetOptions, now: number): number => {
  const byDuration = duration === undefined ? Infinity : Duration.toMillis(duration)
  const byCount = count === undefined ? Infinity : (count / rate) * 1_000
  const ends = Math.min(byDuration, byCount)
  return now - Math.min(longestPast, Math.max(0, speed - 1) * (ends === Infinity ? 3_600_000 : ends))
}

const makeLinks = (options: FleetOptions, start: number, events: LinkEvents): ReadonlyArray<Link> => {
  const { url, vehicles, seed, faults } = options
  const links = vehicles > mostOwnConnections ? sharedConnections : vehicles
  const units: Array<Array<TelematicsUnit>> = Array.from({ length: links }, () => [])
  for (let index = 0; index < vehicles; index++) {
    units[index % links]?.push(new TelematicsUnit({ seed, index, start, faults }))
  }
  return units.map((members, i) => {
    const name = vehicles > mostOwnConnections ? `shared-${seed}-${start.toString(36)}-${i}` : members[0]?.vin
    return new Link({ url, clientId: `simulator-${name}`, units: members, events })
  })
}

const connectAll = Effect.fn("Fleet.connectAll")(function*(url: string, links: ReadonlyArray<Link>) {
  let opened = 0
  const connected = () => links.filter((link) => link.connected).length
  const all = yield* waitFor(() => {
    const up = connected()
    while (opened < links.length && opened - up < mostConnecting) links[opened++]?.open()
    return up === links.length
  })
  if (all) return
  const cause = links.find((link) => link.failure !== undefined)?.failure
  return yield* new BrokerUnreachable({ url: hidePassword(url), connected: connected(), wanted: links.length, cause })
})

/** Whether it became true before patience ran out. */
const waitFor = Effect.fnUntraced(function*(isSo: () => boolean) {
  const until = (yield* Clock.currentTimeMillis) + patience
  while (!isSo()) {
    if ((yield* Clock.currentTimeMillis) >= until) return false
    yield* Effect.sleep(tick)
  }
  return true
})

const hidePassword = (url: string): string => {
  const shown = new URL(url)
  if (shown.password !== "") shown.password = "***"
  return shown.href
}
