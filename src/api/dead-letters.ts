/** Working with dead letters: a list of them, one of them, and having them retried or discarded. */
import { Effect } from "effect"
import {
  DeadLetterOffice,
  type Letter,
  type LetterFilter,
  LetterNotFound,
  type Place,
  type Retried,
  type Run,
} from "../deadletters/dead-letter-office.ts"
import { placeOf } from "../deadletters/stored-letter.ts"
import { builder, connectionOptions, edgeOptions } from "./builder.ts"
import { DeadLetter, DeadLetterFilter, PayloadEncoding, toLetterFilter } from "./dead-letter.ts"
import { badInput } from "./errors.ts"
import { checkedText } from "./input.ts"
import { decodeKey, encodeKey, type List, maxSize, sizeOf } from "./paging.ts"
import { orFailure, resultUnion } from "./results.ts"

/** What cannot be done by then is answered with `UNAVAILABLE`; it may be done all the same, and is not done twice. */
const patience = "20 seconds"
const defaultBatch = 100

const list = { name: "deadLetters", columns: 4 }
const runs = { name: "deadLetters/run", columns: 8 }

const keyOf = ({ api, import: imported, kafka, mqtt }: Place) => [mqtt, kafka, api, imported]

/** Throws `BAD_INPUT`. */
const revisionsIn = (of: List, cursor: string): ReadonlyArray<number> =>
  decodeKey(of, cursor).map((revision) => {
    if (!Number.isSafeInteger(revision)) throw badInput("The cursor is not of this list")
    return Number(revision)
  })

const toPlace = ([mqtt = -1, kafka = -1, api = -1, imported = -1]: ReadonlyArray<number>): Place =>
  ({ mqtt, kafka, api, import: imported })

const toRun = (cursor: string): Run => {
  const revisions = revisionsIn(runs, cursor)
  return { next: toPlace(revisions.slice(0, 4)), end: toPlace(revisions.slice(4)) }
}
const fromRun = ({ end, next }: Run): string => encodeKey(runs, [...keyOf(next), ...keyOf(end)])

const checkedId = (id: string): string => {
  if (placeOf(id) === undefined) {
    throw badInput(`${JSON.stringify(id.slice(0, 80))} is not the id of a dead letter, such as "mqtt-17"`)
  }
  return id
}

const Outcome = builder.enumType("DeadLetterOutcome", {
  description: "How a retry went.",
  values: {
    TAKEN_IN: { value: "Accepted" as const, description: "It is in the log now." },
    KNOWN: {
      value: "Repeated" as const,
      description: "It was in the log already: the vehicle has sent it again, or it was retried before.",
    },
    SUPERSEDED: { value: "Superseded" as const, description: "It says nothing any more; `message` says why." },
    REJECTED: { value: "Rejected" as const, description: "It is still wrong; the letter stays as it is." },
  },
})

const Retry = builder.objectRef<Retried>("DeadLetterRetry").implement({
  description: "How the retry of one dead letter went.",
  fields: (t) => ({
    outcome: t.field({ type: Outcome, description: "For programs.", resolve: ({ outcome }) => outcome._tag }),
    reason: t.string({
      nullable: true,
      description: "Why it is still rejected, as in a dead letter. Null where too little of it is kept.",
      resolve: ({ outcome }) => "reason" in outcome ? outcome.reason ?? null : null,
    }),
    message: t.string({
      nullable: true,
      description: "What is still wrong, or why it says nothing any more.",
      resolve: ({ outcome }) => "message" in outcome ? outcome.message : null,
    }),
    deadLetter: t.field({ type: DeadLetter, description: "As it is now.", resolve: ({ letter }) => letter }),
  }),
})

interface Done {
  readonly clientMutationId: string | null
  /** Nothing where all that was asked for is done. */
  readonly run: Run | undefined
}

const RetryPayload = builder.objectRef<Done & { readonly results: ReadonlyArray<Retried> }>("RetryDeadLettersPayload")
RetryPayload.implement({
  description: "The dead letters were retried, each by itself.",
  fields: (t) => ({
    results: t.expose("results", { type: [Retry], description: "How each went." }),
  }),
})

const DiscardPayload = builder.objectRef<Done & { readonly letters: ReadonlyArray<Letter> }>("DiscardDeadLettersPayload")
DiscardPayload.implement({
  description: "The dead letters are settled.",
  fields: (t) => ({
    deadLetters: t.expose("letters", { type: [DeadLetter], description: "As they are now." }),
  }),
})

/** What both have. */
const withDone = <Payload extends Done>(payload: ReturnType<typeof builder.objectRef<Payload>>) =>
  builder.objectFields(payload, (t) => ({
    clientMutationId: t.string({
      nullable: true,
      description: "As it came.",
      resolve: ({ clientMutationId }) => clientMutationId,
    }),
    endCursor: t.string({
      nullable: true,
      description: "`after` it the next ones are done; null when there are no more. The filter must stay the same.",
      resolve: ({ run }) => run === undefined ? null : fromRun(run),
    }),
  }))
withDone(RetryPayload)
withDone(DiscardPayload)

const MendedInput = builder.inputType("MendedMessageInput", {
  description: "What to take in place of what is kept; what is left out stays as it is.",
  fields: (t) => ({
    payload: t.string({ description: "The message." }),
    encoding: t.field({ type: PayloadEncoding, description: "Of `payload`; UTF8 if not given." }),
    topic: t.string({ description: "The topic, which says what the message is, and over MQTT whose." }),
    key: t.string({ description: "The key of a message from Kafka: the VIN." }),
  }),
})

const byText = "Who wants it."
const idsText = `These; at most ${maxSize}. Not together with \`filter\`.`
const filterText = "The oldest that match, and are open if no states are given. Not together with `ids`."
const firstText = `With a filter, so many at a time: ${defaultBatch} by default, at most ${maxSize}.`
const afterText = "With a filter, go on where the last answer's `endCursor` is."

const RetryInput = builder.inputType("RetryDeadLettersInput", {
  description: "Dead letters to take in by today's rules.",
  fields: (t) => ({
    clientMutationId: t.string({ description: "Handed back as it is." }),
    ids: t.idList({ description: idsText }),
    filter: t.field({ type: DeadLetterFilter, description: filterText }),
    first: t.int({ description: firstText }),
    after: t.string({ description: afterText }),
    by: t.string({ description: byText }),
    mended: t.field({ type: MendedInput, description: "Of a single dead letter, what is mended." }),
  }),
})

const DiscardInput = builder.inputType("DiscardDeadLettersInput", {
  description: "Dead letters that nobody wants taken in.",
  fields: (t) => ({
    clientMutationId: t.string({ description: "Handed back as it is." }),
    ids: t.idList({ description: idsText }),
    filter: t.field({ type: DeadLetterFilter, description: filterText }),
    first: t.int({ description: firstText }),
    after: t.string({ description: afterText }),
    by: t.string({ description: byText }),
  }),
})

type Wanted = typeof DiscardInput.$inferInput

/** The letters that a mutation is about. Throws `BAD_INPUT`. */
const lettersOf = ({ after, filter, first, ids }: Wanted) => {
  if (ids && filter) throw badInput("Give `ids` or `filter`, not both")
  if (ids) {
    if (ids.length > maxSize) throw badInput(`\`ids\` has ${ids.length} values; it may have ${maxSize}`)
    const wanted = [...new Set(ids.map(checkedId))]
    return Effect.map(
      DeadLetterOffice.use((office) => Effect.forEach(wanted, (id) => office.find(id))),
      (letters) => ({ letters, run: undefined }),
    )
  }
  if (!filter) throw badInput("Give `ids`, or a `filter`; one that is empty matches all that are open")
  const wanted: LetterFilter = toLetterFilter(filter)
  const { size } = sizeOf({ first: first ?? defaultBatch })
  if (size === 0) throw badInput("`first` is 0")
  const run = typeof after === "string" ? toRun(after) : undefined
  return DeadLetterOffice.use((office) => office.select(wanted, { first: size, run }))
}

const byOf = ({ by }: Wanted) => typeof by === "string" ? checkedText("by", by, 200) : undefined

/** Throws `BAD_INPUT`. */
const mendedOf = ({ ids, mended }: typeof RetryInput.$inferInput) => {
  if (!mended) return undefined
  if (ids?.length !== 1) throw badInput("`mended` goes with the id of a single dead letter")
  const { encoding, key, payload, topic } = mended
  return {
    payload: typeof payload === "string" ? Buffer.from(payload, encoding ?? "utf8") : undefined,
    topic: typeof topic === "string" ? checkedText("topic", topic, 1_024) : undefined,
    key: typeof key === "string" ? checkedText("key", key, 1_024) : undefined,
  }
}

const DeadLetterEdge = builder.edgeObject({ type: DeadLetter, ...edgeOptions("DeadLetter", "dead letters") })
const DeadLetterConnection = builder.connectionObject(
  { type: DeadLetter, ...connectionOptions("DeadLetter", "dead letters") },
  DeadLetterEdge,
)

export const addDeadLetters = () => {
  builder.queryFields((t) => ({
    deadLetters: t.field({
      type: DeadLetterConnection,
      description: "What could not be taken in, newest first. A page may be short of letters and yet not be the last: "
        + "one request looks at a few thousand. Go on from `endCursor` for as long as there is a next page.",
      args: {
        first: t.arg.int({ description: "So many, 20 by default, at most 200." }),
        after: t.arg.string({ description: "Only what follows on this cursor." }),
        filter: t.arg({ type: DeadLetterFilter, description: "Only those that match." }),
      },
      resolve: async (_, args, { run }) => {
        const filter = toLetterFilter(args.filter)
        const { size } = sizeOf({ first: args.first })
        const after = typeof args.after === "string" ? toPlace(revisionsIn(list, args.after)) : undefined
        const page = await run(DeadLetterOffice.use((office) => office.list(filter, { first: size, after })))
        const edges = page.letters.map(({ after: behind, letter }) => ({ cursor: encodeKey(list, keyOf(behind)), node: letter }))
        const end = page.next && encodeKey(list, keyOf(page.next))
        return {
          edges,
          pageInfo: {
            hasNextPage: page.next !== undefined,
            hasPreviousPage: after !== undefined,
            startCursor: edges.at(0)?.cursor ?? null,
            endCursor: end ?? edges.at(-1)?.cursor ?? null,
          },
        }
      },
    }),
    deadLetter: t.field({
      type: DeadLetter,
      nullable: true,
      description: "One by its id; null where there is none, or none any more.",
      args: { id: t.arg.id({ required: true, description: "As in the field `id`." }) },
      resolve: (_, { id }, { run }) =>
        run(DeadLetterOffice.use((office) => office.find(checkedId(id))).pipe(
          Effect.catchIf((error) => error instanceof LetterNotFound, () => Effect.succeed(null)),
        )),
    }),
  }))
  builder.mutationFields((t) => ({
    retryDeadLetters: t.field({
      type: resultUnion("RetryDeadLettersResult", RetryPayload),
      description: "Takes dead letters in by today's rules, after what was wrong is mended; each exactly once, however "
        + "often it is retried.",
      args: { input: t.arg({ type: RetryInput, required: true, description: "Which." }) },
      resolve: (_, { input }, { run }) =>
        orFailure(async () => {
          const by = byOf(input)
          const mended = mendedOf(input)
          const retried = Effect.gen(function*() {
            const { letters, run } = yield* lettersOf(input)
            const results = yield* DeadLetterOffice.use((office) => office.retry(letters, { by, mended }))
            return { clientMutationId: input.clientMutationId ?? null, results, run }
          })
          return run(Effect.timeout(retried, patience))
        }),
    }),
    discardDeadLetters: t.field({
      type: resultUnion("DiscardDeadLettersResult", DiscardPayload),
      description: "Settles dead letters that nobody wants taken in. They stay where they are for as long as any.",
      args: { input: t.arg({ type: DiscardInput, required: true, description: "Which." }) },
      resolve: (_, { input }, { run }) =>
        orFailure(async () => {
          const by = byOf(input)
          const discarded = Effect.gen(function*() {
            const { letters, run } = yield* lettersOf(input)
            const settled = yield* DeadLetterOffice.use((office) => office.discard(letters, { by }))
            return { clientMutationId: input.clientMutationId ?? null, letters: settled, run }
          })
          return run(Effect.timeout(discarded, patience))
        }),
    }),
  }))
}
