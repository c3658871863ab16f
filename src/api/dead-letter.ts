/** Dead letters, as they are shown and picked. */
import { reasons } from "../deadletters/dead-letters.ts"
import type { Letter, LetterFilter } from "../deadletters/dead-letter-office.ts"
import { isWhole } from "../deadletters/stored-letter.ts"
import { builder } from "./builder.ts"
import { badInput } from "./errors.ts"
import { checkedList } from "./input.ts"

export const DeadLetterState = builder.enumType("DeadLetterState", {
  description: "What became of a dead letter.",
  values: {
    OPEN: { value: "open" as const, description: "What it says is not taken in." },
    RETRIED: { value: "retried" as const, description: "It was retried, and what it says is taken in." },
    SUPERSEDED: {
      value: "superseded" as const,
      description: "It was retried, and says nothing any more: the vehicle has told something newer.",
    },
    DISCARDED: { value: "discarded" as const, description: "Nobody wants it taken in." },
  },
})

const DeadLetterSource = builder.enumType("DeadLetterSource", {
  description: "The way that a message came in.",
  values: {
    MQTT: { value: "mqtt" as const, description: "From a broker, or the embedded one." },
    KAFKA: { value: "kafka" as const, description: "From Kafka." },
    API: { value: "api" as const, description: "Over GraphQL." },
    IMPORT: { value: "import" as const, description: "From a file." },
  },
})

export const PayloadEncoding = builder.enumType("PayloadEncoding", {
  description: "How bytes are written as text.",
  values: {
    UTF8: { value: "utf8" as const, description: "As the text that they are." },
    BASE64: { value: "base64" as const, description: "In base64." },
  },
})

const DeadLetterPayload = builder.objectRef<Letter>("DeadLetterPayload").implement({
  description: "What is kept of a message.",
  fields: (t) => ({
    encoding: t.field({ type: PayloadEncoding, description: "Of `content`.", resolve: ({ payload }) => payload.encoding }),
    content: t.string({ description: "The message, or its beginning.", resolve: ({ payload }) => payload.content }),
    isWhole: t.boolean({
      description: "Whether that is all of it. Of a message with several letters the first has it as a whole.",
      resolve: isWhole,
    }),
    bytes: t.int({ description: "The size of the whole message.", resolve: ({ payload }) => payload.bytes }),
    sha256: t.string({ description: "Of the whole message, in hexadecimal.", resolve: ({ payload }) => payload.sha256 }),
  }),
})

export const DeadLetter = builder.objectRef<Letter>("DeadLetter").implement({
  description: "A message, or one reading of it, that could not be taken in.",
  fields: (t) => ({
    id: t.exposeID("id", { description: "Its source, and its number on that stream: `mqtt-17`." }),
    state: t.field({ type: DeadLetterState, description: "What became of it.", resolve: ({ state }) => state }),
    reason: t.exposeString("reason", { description: `What was wrong: one of ${reasons.join(", ")}.` }),
    message: t.exposeString("message", { description: "What was wrong, where, and what was expected." }),
    path: t.exposeString("path", {
      nullable: true,
      description: "The signal, where one reading was rejected by itself and the rest of its message was taken in.",
    }),
    vin: t.exposeString("vin", { nullable: true, description: "The vehicle, where it could be told." }),
    source: t.field({ type: DeadLetterSource, description: "How it came in.", resolve: ({ source }) => source.kind }),
    topic: t.string({ nullable: true, description: "The topic it came on.", resolve: (_) => _.source.topic ?? null }),
    position: t.string({
      nullable: true,
      description: "Its place there, as its broker counts.",
      resolve: (_) => _.source.position ?? null,
    }),
    key: t.exposeString("key", { nullable: true, description: "The key of a message from Kafka." }),
    receivedAt: t.expose("receivedAt", { type: "DateTime", description: "When this service received it." }),
    payload: t.field({ type: DeadLetterPayload, description: "The message.", resolve: (letter) => letter }),
    settledAt: t.expose("settledAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was retried with success, superseded, or discarded.",
    }),
    settledBy: t.exposeString("settledBy", { nullable: true, description: "Who did that, if they said." }),
  }),
})

export const DeadLetterFilter = builder.inputType("DeadLetterFilter", {
  description: "Dead letters that match all that is given; of a list, any.",
  fields: (t) => ({
    reasons: t.stringList({ description: `For these reasons, of ${reasons.join(", ")}.` }),
    sources: t.field({ type: [DeadLetterSource], description: "From these sources." }),
    vins: t.stringList({ description: "Of these vehicles: by what was told of it, or else by its topic or key." }),
    paths: t.stringList({ description: "About readings of these signals." }),
    states: t.field({ type: [DeadLetterState], description: "In these states." }),
    from: t.field({ type: "DateTime", description: "Received from this moment on." }),
    to: t.field({ type: "DateTime", description: "Received before this moment." }),
  }),
})

const known: ReadonlySet<string> = new Set(reasons)

/** Throws `BAD_INPUT`. */
export const toLetterFilter = (input: typeof DeadLetterFilter.$inferInput | null | undefined): LetterFilter => {
  const unknown = input?.reasons?.find((reason) => !known.has(reason))
  if (unknown !== undefined) {
    throw badInput(`${JSON.stringify(unknown.slice(0, 80))} is no reason for a dead letter; there are ${reasons.join(", ")}`)
  }
  return {
    ...(input?.reasons && { reasons: checkedList("reasons", input.reasons) }),
    ...(input?.sources && { sources: [...new Set(input.sources)] }),
    ...(input?.vins && { vins: checkedList("vins", input.vins) }),
    ...(input?.paths && { paths: checkedList("paths", input.paths) }),
    ...(input?.states && { states: input.states }),
    ...(typeof input?.from === "number" && { from: input.from }),
    ...(typeof input?.to === "number" && { to: input.to }),
  }
}
