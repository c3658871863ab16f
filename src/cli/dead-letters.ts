/** `vehicle-twin dead-letters`: what could not be taken in, listed, shown, retried and discarded at a running service. */
import { Console, Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { filters, several, toFilter, upper } from "./dead-letter-filter.ts"
import { discard, retry } from "./dead-letters-settle.ts"
import { ask, atService, serviceUrl } from "./service-client.ts"

class NotThere extends Schema.TaggedError<NotThere>()("NotThere", { message: Schema.String }) {}

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
      if (letter === null) return yield* new NotThere({ message: `There is no dead letter ${id}, or none any more` })
      if (!alone) return yield* Console.log(JSON.stringify(letter, null, 2))
      const { bytes, content, encoding, isWhole } = letter.payload
      if (!isWhole) yield* Console.error(`Only the beginning of the ${bytes} bytes is kept with this letter`)
      process.stdout.write(Buffer.from(content, encoding === "BASE64" ? "base64" : "utf8"))
    },
    (effect) => atService(effect),
  ),
).pipe(Command.withDescription("Show a dead letter with its message, as JSON"))

export const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("List, show, retry and discard what a running service could not take in"),
  Command.withSubcommands([list, show, retry, discard]),
)
