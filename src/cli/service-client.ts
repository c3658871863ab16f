/** Asking a running service over GraphQL. */
import { Effect, Schema } from "effect"
import { CliError, Flag } from "effect/cli"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"

/** The service does not answer, or not with what was asked for; the message is for who typed the command. */
export class ServiceFailed extends Schema.TaggedError<ServiceFailed>()("ServiceFailed", { message: Schema.String }) {}

export const serviceUrl = Flag.String("url").pipe(
  Flag.filter((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), () => "a URL like http://127.0.0.1:4000"),
  Flag.map((text) => text.replace(/\/+$/, "")),
  Flag.withDescription("The service"),
  Flag.withDefault("http://127.0.0.1:4000"),
)

const Failed = Schema.Struct({ error: Schema.String })
const Answer = Schema.Struct({
  data: Schema.optionalKey(Schema.NullOr(Schema.Struct({ result: Schema.optionalKey(Schema.Unknown) }))),
  errors: Schema.optionalKey(Schema.Array(Schema.Struct({ message: Schema.String }))),
})

/** What a document answers under the name `result`. `{ error }` there fails: it is how `... on Error` is asked for. */
export const ask = Effect.fnUntraced(function*<A>(
  url: string,
  document: string,
  variables: Readonly<Record<string, unknown>>,
  schema: Schema.Decoder<A>,
) {
  const strange = () => new ServiceFailed({ message: `${url} does not answer as a vehicle-twin service does` })
  const client = yield* HttpClient.HttpClient
  const response = yield* HttpClientRequest.post(`${url}/graphql`).pipe(
    HttpClientRequest.bodyJson({ query: document, variables }),
    Effect.flatMap(client.execute),
    Effect.mapError((error) => new ServiceFailed({ message: `${url} does not answer: ${error.message}` })),
  )
  const { data, errors } = yield* response.json.pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Answer)),
    Effect.mapError(strange),
  )
  const result = data?.result
  const wrong = errors?.[0]?.message ?? (Schema.is(Failed)(result) ? result.error : undefined)
  if (wrong !== undefined) return yield* new ServiceFailed({ message: wrong })
  return yield* Schema.decodeUnknownEffect(schema)(result).pipe(Effect.mapError(strange))
})

/** What a command does at a service, with its errors as the command line tells them. */
export const atService = <A, E, R>(effect: Effect.Effect<A, E, R | HttpClient.HttpClient>) =>
  effect.pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  )
