/**
 * Group commit: what is asked for while a commit is under way, or within a couple of milliseconds, shares the next
 * transaction and its one flush to disk.
 *
 * What waits costs no more than its fiber, since it is serialised only when its turn comes, and a group is bounded:
 * a slow disk slows the callers down and fills no queue. Commits block the event loop (node:sqlite is synchronous),
 * so between two of them the loop always goes round.
 */
import { Clock, Context, Effect, Metric } from "effect"
import { EventStoreUnavailable } from "./errors.ts"
import { isBusy, isRejection } from "./sqlite-schema.ts"
import { Writer } from "./sqlite-writer.ts"
import type { Tail } from "./tail.ts"

/** A group takes no more appends than this, and none after this many events. */
const maxAppends = 1_000
const maxEvents = 4_000
/** A group waits this long for as many appends as came together the last time. */
const lingerMillis = 2
/**
 * A group this large shows a rush. Then the next waits for twice as many, and while more keep coming longer: the disk's
 * part of an append shrinks while the rush lasts, and nobody notices that it does who waits behind thousands.
 */
const rush = 128
const rushLingerMillis = 20
/** Deleted events are removed in at most this share of the time, so that appends hardly notice millions of them. */
const sweepShare = 0.2
/** How long a file that is locked by a foreign process is waited for, and the pause between attempts. */
const busyMillis = 5_000
const busyPauseMillis = 20

const seconds = Metric.histogram("vehicle_twin_eventstore_append_seconds", {
  description: "Time of one group's transaction in the embedded event store, until it is durable",
  boundaries: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
})
const appended = Metric.counter("vehicle_twin_eventstore_appended_events_total", {
  description: "Events that the embedded event store has made durable",
  incremental: true,
})

/** Something that waits for its place in a transaction. */
interface Waiting {
  /** Stages it, and returns how to tell its caller once the transaction is durable. */
  readonly stage: (writer: Writer, now: number) => () => void
  readonly fail: (error: EventStoreUnavailable) => void
  readonly die: (defect: unknown) => void
  readonly events: number
  /** Its caller was interrupted before its turn. */
  abandoned: boolean
}

export class Committer {
  readonly #file: string
  readonly #tail: Tail
  readonly #context: Context.Context<never>
  readonly #clock: Clock.Clock
  #writer: Writer | undefined
  #waiting: Array<Waiting> = []
  /** How many appends the next group waits for. */
  #together = 1
  #busySince: number | undefined
  /** The next turn: when the event loop has gone round once, or on a timer, which a full group overtakes. */
  #turn: "immediate" | "busy" | NodeJS.Timeout | undefined
  /** The next turn for what is deleted, if there is none before it. */
  #sweepTurn: NodeJS.Timeout | undefined
  /** When deleted events are removed again, by `performance.now()`. */
  #sweepAt = 0
  #onClosed: (() => void) | undefined

  /** Opens the file, and throws what SQLite throws. */
  constructor(file: string, tail: Tail, context: Context.Context<never>) {
    this.#file = file
    this.#tail = tail
    this.#context = context
    this.#clock = Context.get(context, Clock.Clock)
    this.#schedule(this.#open())
  }

  /**
   * Runs `stage` in one of the next transactions and gives what it returned once that is durable. If the caller is
   * interrupted before its turn, nothing is written; after it, the transaction goes on without it.
   */
  submit<A, E>(events: number, stage: (writer: Writer, now: number) => Effect.Effect<A, E>) {
    return Effect.callback<A, E | EventStoreUnavailable>((resume) => {
      if (this.#onClosed !== undefined) {
        return resume(Effect.fail(new EventStoreUnavailable({ operation: "append", cause: new Error("it is closed") })))
      }
      const waiting: Waiting = {
        stage: (writer, now) => {
          const staged = stage(writer, now)
          return () => resume(staged)
        },
        fail: (error) => resume(Effect.fail(error)),
        die: (defect) => resume(Effect.die(defect)),
        events,
        abandoned: false,
      }
      this.#waiting.push(waiting)
      this.#schedule()
      return Effect.sync(() => {
        waiting.abandoned = true
      })
    })
  }

  /** Finishes what was accepted, empties the write-ahead file and closes. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#onClosed = resolve
      this.#schedule()
    })
  }

  #schedule(writer = this.#writer) {
    if (this.#turn === "immediate" || this.#turn === "busy") return
    if (this.#waiting.length >= this.#together || this.#onClosed !== undefined) {
      clearTimeout(this.#turn)
      this.#turn = "immediate"
      setImmediate(this.#run)
    } else if (this.#waiting.length > 0) {
      this.#turn ??= this.#linger(performance.now())
    } else if (writer?.sweeping === true) {
      this.#sweepTurn ??= setTimeout(this.#sweep, Math.max(0, this.#sweepAt - performance.now()))
    }
  }

  readonly #sweep = () => {
    this.#sweepTurn = undefined
    if (this.#turn === undefined && performance.now() >= this.#sweepAt) this.#run()
    else this.#schedule()
  }

  #linger(since: number): NodeJS.Timeout {
    const waiting = this.#waiting.length
    return setTimeout(() => {
      const coming = this.#waiting.length > waiting && performance.now() - since < rushLingerMillis
      if (coming && this.#together > rush) this.#turn = this.#linger(since)
      else this.#run()
    }, lingerMillis)
  }

  readonly #run = () => {
    this.#turn = undefined
    const begun = this.#begin()
    if ("cause" in begun) {
      if (this.#waitWhileBusy(begun.cause)) return
      // Everything that waits would meet the same failure; whoever wants to can try again.
      this.#fail(this.#waiting.splice(0), begun.cause)
    } else {
      const group = this.#take()
      const failure = this.#transact(begun.writer, group)
      if (failure !== undefined) this.#recover(group, failure.cause)
    }
    this.#busySince = undefined
    // Who was just told may have closed the store, or appended again: then there is a next turn already.
    if (this.#turn === undefined && this.#waiting.length === 0 && this.#onClosed !== undefined) this.#end(this.#onClosed)
    else this.#schedule()
  }

  #begin(): { readonly writer: Writer } | { readonly cause: unknown } {
    try {
      const writer = this.#open()
      writer.begin()
      return { writer }
    } catch (cause) {
      if (!isBusy(cause)) this.#discard()
      return { cause }
    }
  }

  #take(): ReadonlyArray<Waiting> {
    const group: Array<Waiting> = []
    let taken = 0
    let events = 0
    for (; taken < this.#waiting.length && group.length < maxAppends && events < maxEvents; taken++) {
      const next = this.#waiting[taken]
      if (next === undefined || next.abandoned) continue
      group.push(next)
      events += next.events
    }
    this.#waiting.splice(0, taken)
    const grows = group.length >= rush && group.length >= this.#together
    this.#together = grows ? Math.min(maxAppends, 2 * group.length) : Math.max(1, group.length)
    return group
  }

  /** All of a group, or nothing. */
  #transact(writer: Writer, group: ReadonlyArray<Waiting>): { readonly cause: unknown } | undefined {
    const started = performance.now()
    const now = this.#clock.currentTimeMillisUnsafe()
    const tell: Array<() => void> = []
    let events
    try {
      for (const waiting of group) tell.push(waiting.stage(writer, now))
      const sweeps = writer.sweeping && started >= this.#sweepAt
      if (sweeps) writer.sweep()
      events = writer.commit()
      const ended = performance.now()
      if (sweeps) this.#sweepAt = ended + (ended - started) * (1 / sweepShare - 1)
      seconds.updateUnsafe((ended - started) / 1_000, this.#context)
    } catch (cause) {
      this.#discard()
      return { cause }
    }
    appended.updateUnsafe(events.length, this.#context)
    this.#tail.advance(writer.position, events)
    for (const told of tell) told()
    return undefined
  }

  /** What SQLite refuses must not take its neighbours along, so then each is tried alone. */
  #recover(group: ReadonlyArray<Waiting>, cause: unknown) {
    if (!isRejection(cause)) return this.#fail(group, cause)
    // A mistake in the program, which as "unavailable" would be tried again for ever.
    if (group.length === 1) return group[0]?.die(cause)
    for (const waiting of group) {
      const begun = this.#begin()
      if ("cause" in begun) {
        this.#fail([waiting], begun.cause)
        continue
      }
      const failure = this.#transact(begun.writer, [waiting])
      if (failure !== undefined) this.#recover([waiting], failure.cause)
    }
  }

  #fail(group: ReadonlyArray<Waiting>, cause: unknown) {
    for (const waiting of group) waiting.fail(new EventStoreUnavailable({ operation: "append", cause }))
  }

  #waitWhileBusy(cause: unknown): boolean {
    if (!isBusy(cause)) return false
    const now = performance.now()
    this.#busySince ??= now
    if (now - this.#busySince > busyMillis) return false
    this.#turn = "busy"
    setTimeout(this.#run, busyPauseMillis)
    return true
  }

  #open(): Writer {
    if (this.#writer === undefined) {
      this.#writer = new Writer(this.#file)
      this.#tail.advance(this.#writer.position)
    }
    return this.#writer
  }

  /** After a failure nothing in memory is relied on: the file is opened anew at the next turn. */
  #discard() {
    const writer = this.#writer
    this.#writer = undefined
    try {
      writer?.close()
    } catch {
      // What made it fail has been told already.
    }
  }

  #end(closed: () => void) {
    clearTimeout(this.#sweepTurn)
    try {
      this.#writer?.checkpoint()
    } catch {
      // A reader holds on to the write-ahead file. It is read at the next start.
    }
    this.#discard()
    closed()
  }
}
