/**
 * An append, brought to an outcome that is known as far as it can be.
 *
 * Where one got no answer, the same events go out again, with the same ids. At an expected revision that is safe as
 * often as one likes: the server knows events that stand there already. Where no revision is expected it only remembers
 * recent ids, and not over a restart: then the end of the stream is read first, and what is not found there is appended
 * at the revision that was read, so that the first try cannot come to pass in between unseen. One that comes to pass
 * after that is known by its ids.
 */
import { Cause, Effect, Exit, Option, Result, Semaphore, Stream } from "effect"
import { EventStoreUnavailable } from "./errors.ts"
import type { AppendResult, EventStore, EventToAppend, ExpectedRevision, RecordedEvent } from "./event-store.ts"
import type { Appender } from "./eventstoredb-appender.ts"
import { isLasting } from "./eventstoredb-errors.ts"
import type { Reads } from "./eventstoredb-reads.ts"

/** About 3 s and the time of the tries. Whoever calls may know better how long it can wait, and try again. */
const maxTries = 6
const firstPauseMillis = 50
/** How far back from a stream's end events of our own are looked for among those of other writers. */
const maxLookedAt = 5_000
/** Where no revision is expected, others may append between the look and the append, but hardly so often. */
const maxOvertaken = 100
/** Appends of ours to one stream overtake each other, so few settle at once. */
const settlingAtOnce = 8
/** Appends without a revision whose outcome nobody waited for are remembered, the latest of them. */
const maxDoubts = 10_000

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const isOpen = (expected: ExpectedRevision): boolean => expected === "any" || expected === "stream_exists"

export const append = (appender: Appender, reads: Reads): EventStore["Service"]["append"] => {
  /** First ids of appends that expect no revision, from when they go out until their outcome is known. */
  const doubts = new Set<string>()
  const settling = Semaphore.makeUnsafe(settlingAtOnce)

  const send = Effect.fnUntraced(function*(stream: string, at: ExpectedRevision, events: ReadonlyArray<EventToAppend>) {
    return yield* complete(reads, stream, yield* appender.submit(stream, at, events))
  })

  /** At a revision, the server knows whether it stands there already. */
  const appendAt = Effect.fnUntraced(function*(
    stream: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<EventToAppend>,
  ) {
    for (let tries = 1;; tries++) {
      const answer = yield* Effect.result(send(stream, expected, events))
      if (Result.isSuccess(answer)) return answer.success
      const error = answer.failure
      if (error._tag === "WrongExpectedRevision" && tries > 1 && expected === "no_stream") {
        // Where the stream was deleted before, its revisions went on, and the server looks for the events at the first.
        const { standing } = yield* findAtEnd(reads, stream, events)
        if (standing !== undefined) return standing
      }
      if (error._tag !== "EventStoreUnavailable" || isLasting(error) || tries === maxTries) return yield* error
      yield* Effect.sleep(firstPauseMillis * 2 ** tries)
    }
  })

  const appendOpen = Effect.fnUntraced(function*(
    stream: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<EventToAppend>,
    inDoubt: boolean,
  ) {
    let tries = 0
    const pause = Effect.suspend(() => Effect.sleep(firstPauseMillis * 2 ** tries))
    if (!inDoubt) {
      const answer = yield* Effect.result(send(stream, expected, events))
      if (Result.isSuccess(answer)) return answer.success
      if (answer.failure._tag !== "EventStoreUnavailable" || isLasting(answer.failure)) return yield* answer.failure
      tries++
      yield* pause
    }
    let lookedAt = -1
    /** Events there have been, but none can be read, as where all have aged out: then the revision is not known. */
    let isEmptied = false
    // Who cannot even read has tried long enough.
    const settle = Effect.gen(function*() {
      const { last, standing } = yield* findAtEnd(reads, stream, events, lookedAt)
      const at = last >= 0 ? last : expected === "any" && !isEmptied ? "no_stream" : expected
      if (standing !== undefined) return { at, answer: Result.succeed(standing) }
      lookedAt = last
      return { at, answer: yield* Effect.result(send(stream, at, events)) }
    })
    for (let overtaken = 0;;) {
      const { answer, at } = yield* settling.withPermit(settle)
      if (Result.isSuccess(answer)) return answer.success
      const error = answer.failure
      if (error._tag === "WrongExpectedRevision" && at !== expected) {
        if (at === "no_stream") isEmptied = true
        if (++overtaken < maxOvertaken) continue
        return yield* new EventStoreUnavailable({ operation: "append", cause: error })
      }
      if (error._tag !== "EventStoreUnavailable" || isLasting(error) || ++tries === maxTries) return yield* error
      yield* pause
    }
  })

  return Effect.fnUntraced(function*(stream, expected, events) {
    // The server would end the call for these, and all that is on it.
    for (const { id, type } of events) {
      if (!uuid.test(id) || type === "") return yield* Effect.die(new Error(`Not an event: id ${id}, type ${type}`))
    }
    const name = stream.toWellFormed()
    if (name === "") return yield* Effect.die(new Error("A stream without a name"))
    if (!isOpen(expected)) return yield* appendAt(name, expected, events)

    const [{ id } = { id: "" }] = events
    const inDoubt = doubts.has(id)
    doubts.add(id)
    for (const oldest of doubts) {
      if (doubts.size <= maxDoubts) break
      doubts.delete(oldest)
    }
    return yield* Effect.onExit(appendOpen(name, expected, events, inDoubt), (exit) =>
      Effect.sync(() => {
        if (isKnown(exit)) doubts.delete(id)
      }))
  })
}

/** An append that was interrupted may be written, too. */
const isKnown = (exit: Exit.Exit<unknown, { readonly _tag: string }>): boolean =>
  Exit.isSuccess(exit) ||
  Option.exists(Cause.findErrorOption(exit.cause), ({ _tag }) => _tag !== "EventStoreUnavailable")

const complete = Effect.fnUntraced(function*(
  reads: Reads,
  stream: string,
  { position, revision }: { readonly revision: number; readonly position: AppendResult["position"] | undefined },
) {
  if (position !== undefined) return { revision, position }
  const [event] = yield* Stream.runCollect(reads.stream(stream, "backwards", { from: revision, limit: 1 }))
  if (event !== undefined) return { revision, position: event.position }
  // Truncated or deleted meanwhile.
  return { revision, position: yield* reads.head }
})

/**
 * The revision of a stream's last event, −1 where there is none, and where these events stand, if they do. What stands
 * at `lookedAt` and before was looked at already.
 */
const findAtEnd = Effect.fnUntraced(function*(
  reads: Reads,
  stream: string,
  events: ReadonlyArray<EventToAppend>,
  lookedAt = -1,
) {
  let last = lookedAt
  let newest: RecordedEvent | undefined
  let next = events.length - 1
  yield* reads.stream(stream, "backwards", { limit: maxLookedAt }).pipe(
    Stream.takeUntil((event) => {
      if (event.revision <= lookedAt) return true
      last = Math.max(last, event.revision)
      if (event.id !== events[next]?.id) next = events.length - 1
      if (event.id === events[next]?.id) {
        if (next === events.length - 1) newest = event
        next--
      }
      return next < 0
    }),
    Stream.runDrain,
  )
  const standing: AppendResult | undefined = next < 0 && newest !== undefined
    ? { revision: newest.revision, position: newest.position }
    : undefined
  return { last, standing }
})
