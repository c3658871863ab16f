/** Reading a stream, in either direction, and the whole log. */
import type { ReadReq, ReadResp } from "@eventstore/db-client/generated/streams_pb.js"
import { Cause, Effect, Result, Stream } from "effect"
import { isReadonlyArrayNonEmpty } from "effect/Array"
import { EventStoreUnavailable, EventUnreadable, type StreamDeleted } from "./errors.ts"
import type { Filter, JsonObject, RecordedEvent } from "./event-store.ts"
import { Answers } from "./eventstoredb-answers.ts"
import type { Connection } from "./eventstoredb-connection.ts"
import { isLasting, ofStream, unavailable } from "./eventstoredb-errors.ts"
import * as Messages from "./eventstoredb-messages.ts"
import { matches } from "./filter.ts"
import { beginning, type Position } from "./position.ts"

/** A read that breaks goes on where it was; one that breaks so often without a new event fails. */
const maxTries = 5
const firstPauseMillis = 50
/** The next answer takes no longer where nothing has to be searched for. The client notices dead connections only. */
const answerMillis = 10_000
/** A subscription hears of about so many that do not match from the server itself. */
const maxPassedOver = 5_000

/** Where a read stands. */
interface Cursor {
  /** What is still to come. */
  readonly request: () => ReadReq
  /** Moves past an event; undefined where it is none of those that were asked for. Throws if it is not readable. */
  readonly take: (sent: Messages.Sent) => RecordedEvent | undefined
  /** Whether all that was asked for has come. */
  readonly done: () => boolean
}

interface Range {
  readonly from?: number | undefined
  readonly limit?: number | undefined
}

interface LogRange {
  readonly filter?: Filter | undefined
  readonly limit?: number | undefined
}

export class Reads {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  stream(
    stream: string,
    direction: "forwards" | "backwards",
    { from, limit = Number.MAX_SAFE_INTEGER }: Range = {},
  ): Stream.Stream<RecordedEvent, StreamDeleted | EventStoreUnavailable | EventUnreadable> {
    const name = stream.toWellFormed()
    const forwards = direction === "forwards"
    const cursor = (): Cursor => {
      let next = forwards ? Math.max(0, from ?? 0) : from
      let left = limit
      return {
        request: () => Messages.readStream(name, direction, next, left),
        take: (sent) => {
          next = Number(sent.getStreamRevision()) + (forwards ? 1 : -1)
          left--
          return Messages.toRecorded(sent)
        },
        done: () => left <= 0 || (next !== undefined && next < 0),
      }
    }
    return this.#reading((thrown) => ofStream("read", name, thrown, this.#connection.where), cursor, answerMillis)
  }

  /** The newest event of a stream, if it has one. */
  newest(
    stream: string,
  ): Effect.Effect<RecordedEvent | undefined, StreamDeleted | EventStoreUnavailable | EventUnreadable> {
    return Effect.map(Stream.runCollect(this.stream(stream, "backwards", { limit: 1 })), ([event]) => event)
  }

  /** Matching events after a position, up to another one. */
  log(
    after: Position,
    end: Position,
    { filter, limit = Number.MAX_SAFE_INTEGER }: LogRange,
  ): Stream.Stream<RecordedEvent, EventStoreUnavailable | EventUnreadable> {
    const cursor = (): Cursor => {
      let seen = after
      let left = limit
      return {
        request: () => Messages.readAll(seen, filter),
        take: (sent) => {
          const position = Messages.positionOf(sent)
          // The server begins with the event that stands at the position.
          if (position <= seen) return undefined
          seen = position
          if (position > end) return undefined
          const event = Messages.toRecorded(sent)
          if (event !== undefined) left--
          return event
        },
        done: () => left <= 0 || seen >= end,
      }
    }
    // With a filter that nothing matches the server is silent for as long as it looks.
    return this.#reading((thrown) => unavailable("read", thrown, this.#connection.where), cursor, undefined)
  }

  /**
   * Whether something that matches stands after a position, up to another one; and if nothing does, how far that is
   * known. Reads what does not match, too: only so it is known what the node that answers has.
   */
  readonly passOver = Effect.fnUntraced({ self: this }, function*(
    after: Position,
    end: Position,
    filter: Filter | undefined,
  ): Effect.fn.Return<
    { readonly matching: boolean; readonly seen: Position },
    EventStoreUnavailable | EventUnreadable
  > {
    const wanted = matches(filter)
    let seen = after
    let left = maxPassedOver
    let matching = false
    const cursor = (): Cursor => ({
      request: () => Messages.readAllThereIs(seen, left),
      take: (sent) => {
        const position = Messages.positionOf(sent)
        const kind = Messages.kindOf(sent)
        left--
        if (position <= seen) return undefined
        if (kind !== undefined && wanted(kind)) matching = position <= end
        if (!matching) seen = position < end ? position : end
        return undefined
      },
      done: () => matching || left <= 0 || seen >= end,
    })
    const fail = (thrown: unknown) => unavailable("read", thrown, this.#connection.where)
    yield* Stream.runDrain(this.#reading(fail, cursor, answerMillis))
    return { matching, seen }
  })

  /** The position of the newest event of all, also where the system wrote it. One try. */
  readonly head: Effect.Effect<Position, EventStoreUnavailable> = Effect.suspend(() =>
    Effect.map(
      this.#one(Messages.readNewest(), (thrown) => unavailable("read", thrown, this.#connection.where)),
      (sent) => sent === undefined ? beginning : Messages.positionOf(sent),
    )
  )

  /** What the server knows about a stream beside its events, and the revision of that; −1 where there is nothing. */
  readonly metadata = Effect.fnUntraced({ self: this }, function*(stream: string): Effect.fn.Return<
    { readonly metadata: JsonObject; readonly revision: number },
    StreamDeleted | EventStoreUnavailable | EventUnreadable
  > {
    const sent = yield* this.#one(
      Messages.readStream(`$$${stream}`, "backwards", undefined, 1),
      (thrown) => ofStream("read", stream, thrown, this.#connection.where),
    )
    if (sent === undefined) return { metadata: {}, revision: -1 }
    return yield* Effect.try({
      try: () => ({ metadata: Messages.object(sent.getData_asU8()), revision: Number(sent.getStreamRevision()) }),
      catch: (cause) => new EventUnreadable({ position: Messages.positionOf(sent), cause }),
    })
  })

  /** A read of one event at most. */
  #one<E>(request: ReadReq, fail: (thrown: unknown) => E): Effect.Effect<Messages.Sent | undefined, E> {
    return Effect.suspend(() => {
      const answers = new Answers(this.#connection, request, fail)
      const sent = Effect.map(answers.takeWithin(answerMillis), ([answer]) => answer && Messages.sentIn(answer))
      return Effect.ensuring(sent, Effect.sync(() => answers.close()))
    })
  }

  /** Where the server says nothing for so many milliseconds, this counts as broken. */
  #reading<E>(fail: (thrown: unknown) => E | EventStoreUnavailable, start: () => Cursor, millis: number | undefined) {
    type Failure = E | EventStoreUnavailable | EventUnreadable
    const connection = this.#connection
    return Stream.unwrap(Effect.gen(function*() {
      const cursor = start()
      let answers: Answers<Failure> | undefined
      let unreadable: EventUnreadable | undefined
      let ended = false
      let tries = 0
      yield* Effect.addFinalizer(() => Effect.sync(() => answers?.close()))

      const pull = Effect.gen(function*() {
        while (!ended && !cursor.done()) {
          if (unreadable !== undefined) return yield* unreadable
          answers ??= new Answers<Failure>(connection, cursor.request(), fail)
          const taken = yield* Effect.result(millis === undefined ? answers.take : answers.takeWithin(millis))
          if (Result.isFailure(taken)) {
            answers.close()
            answers = undefined
            const error = taken.failure
            const again = error instanceof EventStoreUnavailable && !isLasting(error) && ++tries < maxTries
            if (!again) return yield* Effect.fail(error)
            yield* Effect.sleep(firstPauseMillis * 2 ** tries)
            continue
          }
          ended = taken.success.length === 0 || taken.success[0]?.hasStreamNotFound() === true
          const read = convert(cursor, taken.success)
          // What comes before it is handed out first.
          unreadable = read.unreadable
          if (isReadonlyArrayNonEmpty(read.events)) {
            tries = 0
            return read.events
          }
        }
        return yield* Cause.done()
      })
      return Stream.fromPull(Effect.succeed(pull))
    }))
  }
}

const convert = (cursor: Cursor, answers: ReadonlyArray<ReadResp>) => {
  const events: Array<RecordedEvent> = []
  let unreadable: EventUnreadable | undefined
  try {
    for (const answer of answers) {
      if (cursor.done()) break
      const sent = Messages.sentIn(answer)
      const event = sent && cursor.take(sent)
      if (event !== undefined) events.push(event)
    }
  } catch (error) {
    if (!(error instanceof EventUnreadable)) throw error
    unreadable = error
  }
  return { events, unreadable }
}
