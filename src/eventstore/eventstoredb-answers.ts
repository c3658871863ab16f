/**
 * What the server sends to one read or subscription, in order and bounded: what nobody takes is left on the socket,
 * until the server stops sending.
 */
import type { ReadReq, ReadResp } from "@eventstore/db-client/generated/streams_pb.js"
import { Effect } from "effect"
import type { Connection, ReadCall } from "./eventstoredb-connection.ts"
import { sizeOf } from "./eventstoredb-messages.ts"

/** Held at most, and as many handed out at once; the largest may come on top. */
const maxAnswers = 512
const maxBytes = 4 * 1024 * 1024

export class Answers<E> {
  readonly #fail: (thrown: unknown) => E
  #call: ReadCall | undefined
  #held: Array<ReadResp> = []
  #bytes = 0
  #paused = false
  #closed = false
  /** How it ended, if it did. */
  #end: Effect.Effect<ReadonlyArray<ReadResp>, E> | undefined
  #wake: (() => void) | undefined
  #waking = false

  /** Begins at once. */
  constructor(connection: Connection, request: ReadReq, fail: (thrown: unknown) => E) {
    this.#fail = fail
    connection.openRead(request, this.#listen).catch(this.#broken)
  }

  /** What has come since, at least one, or else what comes next; empty at the end. */
  readonly take: Effect.Effect<ReadonlyArray<ReadResp>, E> = Effect.suspend(() =>
    this.#held.length > 0 || this.#end !== undefined ? this.#drain() : Effect.callback((resume) => {
      this.#wake = () => resume(Effect.suspend(() => this.#drain()))
      return Effect.sync(() => {
        this.#wake = undefined
      })
    })
  )

  /** As `take`, for answers that do not take long: fails where none comes for so many milliseconds. */
  takeWithin(millis: number): Effect.Effect<ReadonlyArray<ReadResp>, E> {
    return Effect.timeoutOrElse(this.take, {
      duration: millis,
      orElse: () => Effect.fail(this.#fail(new Error(`nothing within ${millis / 1_000} s`))),
    })
  }

  close(): void {
    this.#closed = true
    const call = this.#call
    // A call that is cancelled in the same turn in which it was made goes on.
    if (call !== undefined) setImmediate(() => call.cancel())
  }

  readonly #listen = (call: ReadCall): void => {
    this.#call = call
    call.on("data", this.#hold).on("error", this.#broken).on("end", () => this.#over(Effect.succeed([])))
    if (this.#closed) this.close()
  }

  readonly #hold = (answer: ReadResp): void => {
    if (this.#end !== undefined) return
    this.#held.push(answer)
    this.#bytes += sizeOf(answer)
    if (this.#held.length >= maxAnswers || this.#bytes >= maxBytes) {
      this.#paused = true
      this.#call?.pause()
    }
    if (this.#wake === undefined || this.#waking) return
    // What comes together is handed out together.
    this.#waking = true
    setImmediate(() => {
      this.#waking = false
      this.#awake()
    })
  }

  readonly #broken = (thrown: unknown): void => this.#over(Effect.suspend(() => Effect.fail(this.#fail(thrown))))

  #over(end: Effect.Effect<ReadonlyArray<ReadResp>, E>): void {
    this.#end ??= end
    this.#awake()
  }

  #awake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #drain(): Effect.Effect<ReadonlyArray<ReadResp>, E> {
    if (this.#held.length === 0) return this.#end ?? this.take
    const held = this.#held
    this.#held = []
    this.#bytes = 0
    if (this.#paused) {
      this.#paused = false
      this.#call?.resume()
    }
    return Effect.succeed(held)
  }
}
