/** `vehicle-twin dead-letters`: what could not be taken in, listed, shown, retried and discarded at a running service. */
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { progress } from "./progress.ts"
import { ask, serviceUrl } from "./service-client.ts"

class NotDone extends Schema.TaggedError<NotDone>()("NotDone", { message: Schema.String }) {}

const upper = (text: string): string => text.toUpperCase()
/** A date is the beginning of that day, in UTC. */
const moment = (text: string): string => /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text

const several = <A>(flag: Flag.Flag<A>, description: string) =>
  flag.pipe(Flag.withDescription(`${description}; may be given several times. Default: any`), Flag.atLeast(0))

const filters = {
  reason: several(Flag.String("reason"), "For this reason, such as path or not_registered"),
  source: several(Flag.Literals("source", ["mqtt", "kafka", "api", "import"]), "That came in this way"),
  vin: several(Flag.String("vin"), "Of this vehicle"),
  path: several(Flag.String("path"), "About readings of this signal"),
  from: Flag.String("from").pipe(
    Flag.withDescription("Received from this time on: 2026-11-22T08:15:30Z, or a date (UTC)"),
    Flag.optional,
  ),
  to: Flag.String("to").pipe(Flag.withDescription("Received before this time"), Flag.optional),
}

interface Filters {
  readonly reason: ReadonlyArray<string>
  readonly source: ReadonlyArray<string>
  readonly vin: ReadonlyArray<string>
  readonly path: ReadonlyArray<string>
  readonly from: Option.Option<string>
  readonly to: Option.Option<string>
}

const toFilter = ({ from, path, reason, source, to, vin }: Filters) => ({
  ...(reason.length > 0 && { reasons: reason }),
  ...(source.length > 0 && { sources: source.map(upper) }),
  ...(vin.length > 0 && { vins: vin }),
  ...(path.length > 0 && { paths: path }),
  ...(Option.isSome(from) && { from: moment(from.value) }),
  ...(Option.isSome(to) && { to: moment(to.value) }),
})

const summaryFields = "id state reason message path vin source topic position key receivedAt settledAt settledBy"
const Optional = Schema.NullOr(Schema.String)
const Summary = Schema.Struct({
  id: Schema.String,
  state: Schema.String,
  reason: Schema.String,
  message: Schema.String,
  path: Optional,
  vin: Optional,
  source: Schema.String,
  topic: Optional,
  position: Optional,
  key: Optional,
  receivedAt: Schema.String,
  settledAt: Optional,
  settledBy: Optional,
})
type Summary = typeof Summary.Type

// list

const Listed = Schema.Struct({
  edges: Schema.Array(Schema.Struct({ node: Summary })),
  pageInfo: Schema.Struct({ hasNextPage: Schema.Boolean, endCursor: Optional }),
})
const listDocument = `query ($first: Int, $after: String, $filter: DeadLetterFilter) {
  result: deadLetters(first: $first, after: $after, filter: $filter) {
    edges { node { ${summaryFields} } } pageInfo { hasNextPage endCursor }
  }
}`

const columns = [["id", 10], ["state", 9], ["receivedAt", 19], ["reason", 14], ["vin", 17]] as const

const asRow = (letter: Record<(typeof columns)[number][0], string | null>, last: string): string =>
  [...columns.map(([name, width]) => (letter[name] ?? "-").slice(0, Math.max(width, 17)).padEnd(width)), last].join("  ")

const pageSize = 200

const list = Command.make(
  "list",
  {
    url: serviceUrl,
    ...filters,
    state: several(Flag.Literals("state", ["open", "retried", "superseded", "discarded"]), "In this state"),
    limit: Flag.Int("limit").pipe(
      Flag.filter((n) => n > 0, () => "a number above 0"),
      Flag.withDescription("So many, the newest"),
      Flag.withDefault(100),
    ),
  },
  Effect.fnUntraced(
    function*({ limit, state, url, ...rest }) {
      const filter = { ...toFilter(rest), ...(state.length > 0 && { states: state.map(upper) }) }
      const onTerminal = process.stdout.isTTY
      if (onTerminal) {
        const [id, state, receivedAt, reason, vin] = ["ID", "STATE", "RECEIVED", "REASON", "VEHICLE"]
        yield* Console.log(asRow({ id, state, receivedAt, reason, vin }, "WHAT IS WRONG"))
      }
      let after: string | null = null
      let left = limit
      for (;;) {
        const variables: Record<string, unknown> = { first: Math.min(left, pageSize), after, filter }
        const { edges, pageInfo }: typeof Listed.Type = yield* ask(url, listDocument, variables, Listed)
        for (const { node } of edges) {
          // A message may quote what was sent, which must not speak to the terminal.
          const line = onTerminal ? asRow(node, node.message).replaceAll(/\p{Cc}/gu, "\uFFFD") : JSON.stringify(node)
          yield* Console.log(line)
        }
        left -= edges.length
        after = pageInfo.endCursor
        if (!pageInfo.hasNextPage) return
        if (left <= 0) return yield* Console.error("There may be more: --limit says how many are listed")
      }
    },
    (effect) => atService(effect),
  ),
).pipe(
  Command.withDescription("List dead letters, newest first: a table on a terminal, elsewhere a JSON object a line"),
  Command.withExamples([
    { command: "vehicle-twin dead-letters list --state open --reason path", description: "Signals nobody knew" },
  ]),
)

// show

const Shown = Schema.NullOr(Schema.Struct({
  ...Summary.fields,
  payload: Schema.Struct({
    encoding: Schema.String,
    content: Schema.String,
    isWhole: Schema.Boolean,
    bytes: Schema.Int,
    sha256: Schema.String,
  }),
}))
const showDocument = `query ($id: ID!) {
  result: deadLetter(id: $id) { ${summaryFields} payload { encoding content isWhole bytes sha256 } }
}`

const show = Command.make(
  "show",
  {
    url: serviceUrl,
    id: Argument.String("id").pipe(Argument.withDescription("As it is listed: mqtt-17")),
    payload: Flag.Boolean("payload").pipe(
      Flag.withDescription("The message alone, byte by byte: to a file, to be mended"),
      Flag.withDefault(false),
    ),
  },
  Effect.fnUntraced(
    function*({ id, payload: alone, url }) {
      const letter = yield* ask(url, showDocument, { id }, Shown)
      if (letter === null) return yield* new NotDone({ message: `There is no dead letter ${id}, or none any more` })
      if (!alone) return yield* Console.log(JSON.stringify(letter, null, 2))
      const { bytes, content, encoding, isWhole } = letter.payload
      if (!isWhole) yield* Console.error(`Only the beginning of the ${bytes} bytes is kept with this letter`)
      process.stdout.write(Buffer.from(content, encoding === "BASE64" ? "base64" : "utf8"))
    },
    (effect) => atService(effect),
  ),
).pipe(Command.withDescription("Show a dead letter with its message, as JSON"))

// retry and discard

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
  if (all === ids.length > 0) return yield* new NotDone({ message: "Give either ids, or --all with or without filters" })
  if (!all && Object.keys(filter).length > 0) return yield* new NotDone({ message: "Filters go with --all" })
  const who = Option.isSome(by) ? { by: by.value } : {}
  if (!all) {
    for (let at = 0; at < ids.length; at += pageSize) yield* send({ ...who, ids: ids.slice(at, at + pageSize) })
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

const retry = Command.make(
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
      return yield* new NotDone({ message: `${counts.rejected} of ${counts.retried} were rejected again` })
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

const discard = Command.make(
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

const atService = <A, E, R>(effect: Effect.Effect<A, E, R | HttpClient.HttpClient>) =>
  effect.pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  )

export const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("List, show, retry and discard what a running service could not take in"),
  Command.withSubcommands([list, show, retry, discard]),
)
