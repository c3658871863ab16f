/** `vehicle-twin dead-letters retry` and `discard`: what settles dead letters, a few at a time. */
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { type Filters, filters, toFilter } from "./dead-letter-filter.ts"
import { progress } from "./progress.ts"
import { ask, atService, serviceUrl } from "./service-client.ts"

class NotSettled extends Schema.TaggedError<NotSettled>()("NotSettled", { message: Schema.String }) {}

const portion = 200
const Optional = Schema.NullOr(Schema.String)

const choice = {
  url: serviceUrl,
  ids: Argument.String("id").pipe(Argument.withDescription("Which: mqtt-17"), Argument.atLeast(0)),
  all: Flag.Boolean("all").pipe(
    Flag.withDescription("All that are open and match the filters, in the order they came"),
    Flag.withDefault(false),
  ),
  ...filters,
  by: Flag.String("by").pipe(Flag.withDescription("Who wants it, for the record"), Flag.optional),
}

/** What a mutation is asked for in several requests: the ids in portions, or the filter until its end. */
const inPortions = Effect.fnUntraced(function*<A extends { readonly endCursor: string | null }, E, R>(
  { all, by, ids, ...rest }: Filters & {
    readonly all: boolean
    readonly by: Option.Option<string>
    readonly ids: ReadonlyArray<string>
  },
  send: (input: Readonly<Record<string, unknown>>) => Effect.Effect<A, E, R>,
) {
  const filter = toFilter(rest)
  if (all === ids.length > 0) return yield* new NotSettled({ message: "Give either ids, or --all with or without filters" })
  if (!all && Object.keys(filter).length > 0) return yield* new NotSettled({ message: "Filters go with --all" })
  const who = Option.isSome(by) ? { by: by.value } : {}
  if (!all) {
    for (let at = 0; at < ids.length; at += portion) yield* send({ ...who, ids: ids.slice(at, at + portion) })
    return
  }
  let after: string | null = null
  do {
    const { endCursor }: A = yield* send({ ...who, filter, after })
    after = endCursor
  } while (after !== null)
})

const Retried = Schema.Struct({
  results: Schema.Array(Schema.Struct({
    outcome: Schema.String,
    reason: Optional,
    message: Optional,
    deadLetter: Schema.Struct({ id: Schema.String, state: Schema.String }),
  })),
  endCursor: Optional,
})
const retryDocument = `mutation ($input: RetryDeadLettersInput!) {
  result: retryDeadLetters(input: $input) {
    ... on RetryDeadLettersPayload { results { outcome reason message deadLetter { id state } } endCursor }
    ... on Error { error: message }
  }
}`

export const retry = Command.make(
  "retry",
  {
    ...choice,
    payload: Flag.Path("payload").pipe(
      Flag.withDescription("A file with the message as it should have been, in place of what is kept of a single one"),
      Flag.optional,
    ),
    topic: Flag.String("topic").pipe(
      Flag.withDescription("The topic it should have come on, which says what it is, and over MQTT of which vehicle"),
      Flag.optional,
    ),
    key: Flag.String("key").pipe(Flag.withDescription("The key it should have had in Kafka: the VIN"), Flag.optional),
  },
  Effect.fnUntraced(
    function*({ key, payload, topic, url, ...chosen }) {
      const mended = {
        ...(Option.isSome(payload) && { payload: yield* base64(payload.value), encoding: "BASE64" }),
        ...(Option.isSome(topic) && { topic: topic.value }),
        ...(Option.isSome(key) && { key: key.value }),
      }
      const isMended = Object.keys(mended).length > 0
      const counts = { retried: 0, rejected: 0 }
      yield* Effect.scoped(Effect.gen(function*() {
        const shown = yield* progress("dead letters")
        yield* inPortions(chosen, Effect.fnUntraced(function*(input) {
          const all = isMended ? { ...input, mended } : input
          const answer = yield* ask(url, retryDocument, { input: all }, Retried)
          for (const { deadLetter, ...result } of answer.results) {
            counts.retried++
            if (result.outcome === "REJECTED") counts.rejected++
            yield* Console.log(JSON.stringify({ ...deadLetter, ...result }))
          }
          shown.update(counts.retried)
          return answer
        }))
      }))
      if (counts.rejected === 0) return yield* Console.error(`${counts.retried} retried`)
      return yield* new NotSettled({ message: `${counts.rejected} of ${counts.retried} were rejected again` })
    },
    (effect) => atService(effect),
  ),
).pipe(
  Command.withDescription(
    "Take dead letters in by today's rules, after what was wrong is mended; each once, however often it is retried. "
      + "Fails if any is rejected again",
  ),
  Command.withExamples([
    { command: "vehicle-twin dead-letters retry mqtt-17", description: "One" },
    { command: "vehicle-twin dead-letters retry --all --reason not_registered", description: "After vehicles were registered" },
    {
      command: "vehicle-twin dead-letters retry mqtt-17 --payload mended.json --topic vehicles/LSVAA4182E2184847/telemetry",
      description: "With the message as it should have been",
    },
  ]),
)

const base64 = Effect.fnUntraced(function*(file: string) {
  const bytes = yield* (yield* FileSystem.FileSystem).readFile(file)
  return Buffer.from(bytes).toString("base64")
})

const Discarded = Schema.Struct({
  deadLetters: Schema.Array(Schema.Struct({ id: Schema.String, state: Schema.String })),
  endCursor: Optional,
})
const discardDocument = `mutation ($input: DiscardDeadLettersInput!) {
  result: discardDeadLetters(input: $input) {
    ... on DiscardDeadLettersPayload { deadLetters { id state } endCursor }
    ... on Error { error: message }
  }
}`

export const discard = Command.make(
  "discard",
  choice,
  Effect.fnUntraced(
    function*({ url, ...chosen }) {
      yield* inPortions(chosen, Effect.fnUntraced(function*(input) {
        const answer = yield* ask(url, discardDocument, { input }, Discarded)
        for (const letter of answer.deadLetters) yield* Console.log(JSON.stringify(letter))
        return answer
      }))
    },
    (effect) => atService(effect),
  ),
).pipe(Command.withDescription("Settle dead letters that nobody wants taken in"))
