/**
 * The middle of the way in, whatever the broker: takes messages as they arrive, decodes them, tells the vehicles, puts
 * what cannot be taken into the dead letters, and says of each message when all that came of it is durable. Only then
 * may its broker be acknowledged.
 *
 * Each vehicle has a lane while it has something to do: its messages reach `Vehicles.observe` in the order they came,
 * one call under way at a time, and lanes do not wait for each other.
 */
import { Clock, Context, Effect, FiberSet, Layer, Result } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { Source } from "../../domain/vehicle/events.ts"
import type { Observation } from "../../domain/vehicle/observation.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import { type DeadLetter, DeadLetters, lastOfMany } from "../deadletters/dead-letters.ts"
import { type Outcome, Vehicles } from "../vehicles/vehicles.ts"
import { decode, type Undecoded } from "./decode.ts"
import * as LetterPost from "./letter-post.ts"
import * as Metrics from "./metrics.ts"

/**
 * At most so much is pending: what one connection can have unacknowledged by default with the brokers we know, and
 * half a second of the fastest stream measured. A way in that goes on past it holds back.
 */
export const maxPending = 10_000
export const maxPendingBytes = 64 * 1024 * 1024
/** Held-back ways in go on below this share of the bound, so that they do not stutter at it. */
const roomAt = 0.75

/** Decoding gives way to other work after so many messages or so long, ms. */
const sliceMessages = 256
const sliceMillis = 8
/** Observations told to a vehicle in one call, and the bytes they came in: half of what a log takes in one append. */
const batchObservations = 500
const batchBytes = 512 * 1024
/** A message with more to complain of has its last dead letter say so. */
const maxLetters = 16

/**
 * What messages share that the broker sends again together, in order. Once one of them could not be taken, those
 * behind it must not pass it: the intake gives them up too, and the way in offers no more of them.
 */
export interface Connection {
  failed: boolean
}

/** A message on its way in. */
export interface Incoming extends Undecoded {
  readonly connection?: Connection | undefined
  /**
   * Called once: with `true` when all that came of the message is durable, with `false` when that failed and the
   * broker must send it again. Never called for what is under way when the service is stopped hard.
   */
  readonly settled: (durable: boolean) => void
}

export class Intake extends Context.Service<Intake, {
  /**
   * Takes a message; it does not wait. `false` asks the way in to hold back until `whenRoom` calls. It is for callbacks
   * of brokers' clients, so neither is an Effect.
   */
  readonly offer: (message: Incoming) => boolean
  readonly isFull: () => boolean
  /** Calls back once there is room enough to go on, at once if there is. */
  readonly whenRoom: (callback: () => void) => void
}>()("vehicle-twin/ingest/Intake") {}

export const layer = (options: { readonly catalogue: Catalogue; readonly maxPending?: number }) =>
  Layer.effect(Intake, make(options.catalogue, options.maxPending ?? maxPending))

interface Taken extends Incoming {
  /** What is still to become durable: dead letters, observations, and the decoding itself. */
  parts: number
  letters: number
  observations: ReadonlyArray<Observation>
}

interface Lane {
  readonly vin: Vin
  readonly queue: Array<Taken>
  /** Of the call that is under way. */
  batch: Array<Taken>
}

const make = Effect.fnUntraced(function*(catalogue: Catalogue, limit: number) {
  const vehicles = yield* Vehicles
  const deadLetters = yield* DeadLetters
  const clock = yield* Clock.Clock
  const context = yield* Effect.context()
  const fork = yield* FiberSet.makeRuntime<never, void, never>()

  const arrived: Array<Taken> = []
  const lanes = new Map<Vin, Lane>()
  let drainDue = false
  let closed = false
  let pending = 0
  let pendingBytes = 0
  const waitingForRoom: Array<() => void> = []

  const isFull = () => pending >= limit || pendingBytes >= maxPendingBytes

  const settle = (taken: Taken, durable: boolean): void => {
    pending--
    pendingBytes -= taken.payload.length
    taken.settled(durable)
  }

  const partDurable = (taken: Taken, now: number): void => {
    if (--taken.parts !== 0) return
    Metrics.lag.updateUnsafe(Math.max(0, now - taken.receivedAt) / 1000, context)
    settle(taken, true)
  }

  const giveUp = (taken: Taken): void => {
    if (taken.parts <= 0) return
    // What of it becomes durable yet no longer counts.
    taken.parts = -Infinity
    if (taken.connection !== undefined) taken.connection.failed = true
    settle(taken, false)
  }

  const afterBatch = (): void => {
    Metrics.pending.updateUnsafe(pending, context)
    if (waitingForRoom.length === 0 || pending > limit * roomAt || pendingBytes > maxPendingBytes * roomAt) return
    for (const callback of waitingForRoom.splice(0)) callback()
  }

  // Dead letters

  const post = LetterPost.make<Taken>(deadLetters, fork, {
    stored: (letters) => {
      const now = clock.currentTimeMillisUnsafe()
      for (const { letter, from } of letters) {
        Metrics.deadLetters[letter.reason].updateUnsafe(1, context)
        partDurable(from, now)
      }
      afterBatch()
    },
    failed: (letters) => {
      for (const { from } of letters) giveUp(from)
      afterBatch()
    },
  })

  const addLetter = (from: Taken, reason: DeadLetter["reason"], message: string, path?: string): void => {
    if (++from.letters > maxLetters) return
    const more = from.letters === maxLetters ? lastOfMany : ""
    const { key, payload, receivedAt, route, source } = from
    const vin = Result.isSuccess(route) ? route.success.vin : undefined
    const letter = { reason, message: message + more, vin, source, key, receivedAt, payload }
    from.parts++
    post.add({ from, letter: path === undefined ? letter : { ...letter, path } })
  }

  // Vehicles

  const settleBatch = (batch: ReadonlyArray<Taken>, outcomes: ReadonlyArray<Outcome>): void => {
    const now = clock.currentTimeMillisUnsafe()
    let accepted = 0
    let repeated = 0
    let refused = 0
    let at = 0
    for (const taken of batch) {
      for (let i = 0; i < taken.observations.length; i++) {
        const outcome = outcomes[at++]
        if (outcome?._tag === "Accepted") accepted++
        else if (outcome?._tag === "Repeated") repeated++
        else if (outcome !== undefined) {
          refused++
          addLetter(taken, outcome.reason, outcome.message)
        }
      }
      partDurable(taken, now)
    }
    if (accepted > 0) Metrics.observations.Accepted.updateUnsafe(accepted, context)
    if (repeated > 0) Metrics.observations.Repeated.updateUnsafe(repeated, context)
    if (refused > 0) Metrics.observations.Refused.updateUnsafe(refused, context)
    post.start()
    afterBatch()
  }

  const run = Effect.fnUntraced(function*(lane: Lane) {
    while (lane.queue.length > 0) {
      const observations = nextBatch(lane, giveUp)
      if (observations.length === 0) {
        afterBatch()
        continue
      }
      const outcomes = yield* vehicles.observe(lane.vin, observations)
      if (outcomes.length !== observations.length) {
        return yield* Effect.die(new Error(`${outcomes.length} outcomes for ${observations.length} observations`))
      }
      settleBatch(lane.batch, outcomes)
      lane.batch = []
    }
    lanes.delete(lane.vin)
  }, (effect, lane) =>
    Effect.catchDefect(effect, (defect) => {
      lanes.delete(lane.vin)
      for (const taken of [...lane.batch, ...lane.queue]) giveUp(taken)
      afterBatch()
      const problem = `Vehicle ${lane.vin} failed to take its messages; the broker has to send them again`
      return Effect.logError(problem, defect)
    }))

  // Decoding

  const take = (taken: Taken, started: Array<Lane>): void => {
    const { observations, rejections } = decode(taken, catalogue)
    for (const { message, path, reason } of rejections) addLetter(taken, reason, message, path)
    if (observations.length > 0 && Result.isSuccess(taken.route)) {
      taken.observations = observations
      taken.parts++
      const { vin } = taken.route.success
      const lane = lanes.get(vin)
      if (lane === undefined) {
        const first: Lane = { vin, queue: [taken], batch: [] }
        lanes.set(vin, first)
        started.push(first)
      } else lane.queue.push(taken)
    }
  }

  const drain = (): void => {
    drainDue = false
    if (closed) return
    const started: Array<Lane> = []
    const received = { mqtt: 0, kafka: 0, api: 0, import: 0 }
    const now = clock.currentTimeMillisUnsafe()
    const end = performance.now() + sliceMillis
    let count = 0
    while (count < sliceMessages && (count % 16 !== 0 || performance.now() < end)) {
      const taken = arrived[count]
      if (taken === undefined) break
      count++
      received[taken.source.kind]++
      if (taken.connection?.failed === true) giveUp(taken)
      else take(taken, started)
      partDurable(taken, now)
    }
    for (const kind of sourceKinds) {
      if (received[kind] > 0) Metrics.messagesReceived[kind].updateUnsafe(received[kind], context)
    }
    arrived.splice(0, count)
    post.start()
    for (const lane of started) fork(run(lane))
    afterBatch()
    schedule()
  }

  const schedule = (): void => {
    if (drainDue || arrived.length === 0) return
    drainDue = true
    setImmediate(drain)
  }

  yield* Effect.addFinalizer(() => Effect.sync(() => {
    closed = true
  }))

  return Intake.of({
    isFull,
    offer: (message) => {
      pending++
      pendingBytes += message.payload.length
      arrived.push({ ...message, parts: 1, letters: 0, observations: [] })
      schedule()
      return !isFull()
    },
    whenRoom: (callback) => {
      waitingForRoom.push(callback)
      afterBatch()
    },
  })
})

const sourceKinds = ["mqtt", "kafka", "api", "import"] as const satisfies ReadonlyArray<Source["kind"]>

/** Moves the next messages of a lane under way: at least one, and as many more as fit in a call. */
const nextBatch = (lane: Lane, giveUp: (taken: Taken) => void): ReadonlyArray<Observation> => {
  const observations: Array<Observation> = []
  let count = 0
  let bytes = 0
  for (const taken of lane.queue) {
    bytes += taken.payload.length
    const isTooMuch = observations.length + taken.observations.length > batchObservations || bytes > batchBytes
    if (observations.length > 0 && isTooMuch) break
    count++
    if (taken.connection?.failed === true) {
      giveUp(taken)
      continue
    }
    lane.batch.push(taken)
    for (const observation of taken.observations) observations.push(observation)
  }
  lane.queue.splice(0, count)
  return observations
}
