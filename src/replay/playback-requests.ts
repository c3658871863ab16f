/** What a replay asks of a service over GraphQL: registrations and service records, which no broker carries. */
import { Effect, Schedule, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { Requested } from "./playback-messages.ts"

export class RequestRefused extends Schema.TaggedError<RequestRefused>()("RequestRefused", {
  vin: Schema.String,
  mutation: Schema.String,
  reason: Schema.String,
  /** It may yet be taken: the service does not answer, or does not know the vehicle yet. */
  isPassing: Schema.Boolean,
}) {
  override get message() {
    return `${this.mutation} of vehicle ${this.vin} was not taken: ${this.reason}`
  }
}

const Answer = Schema.Struct({
  data: Schema.optionalKey(Schema.NullOr(Schema.Record(
    Schema.String,
    Schema.NullOr(Schema.Struct({ __typename: Schema.String, message: Schema.optionalKey(Schema.String) })),
  ))),
  errors: Schema.optionalKey(Schema.Array(Schema.Struct({ message: Schema.String }))),
})

const documents: Readonly<Record<Requested["mutation"], string>> = {
  registerVehicle: `mutation ($input: RegisterVehicleInput!) {
    registerVehicle(input: $input) { __typename ... on Error { message } }
  }`,
  recordService: `mutation ($input: RecordServiceInput!) {
    recordService(input: $input) { __typename ... on Error { message } }
  }`,
}

/** A vehicle's first message may still be under way from the broker to the service. */
const patience = Schedule.spaced("250 millis").pipe(Schedule.upTo({ times: 40 }))

/** Succeeds once the service has taken it, now or before. */
export const request = Effect.fnUntraced(function*(url: string, { input, mutation, vin }: Requested) {
  const client = yield* HttpClient.HttpClient
  const refused = (reason: string, isPassing: boolean) => new RequestRefused({ vin, mutation, reason, isPassing })
  const ask = Effect.gen(function*() {
    const response = yield* HttpClientRequest.post(`${url}/graphql`).pipe(
      HttpClientRequest.bodyJson({ query: documents[mutation], variables: { input } }),
      Effect.flatMap(client.execute),
      Effect.mapError((error) => refused(`${url} does not answer: ${error.message}`, true)),
    )
    const { data, errors } = yield* response.json.pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(Answer)),
      Effect.mapError(() => refused(`${url} does not answer as a vehicle-twin service does`, false)),
    )
    const result = data?.[mutation]
    const wrong = errors?.[0]?.message ?? result?.message
    if (wrong !== undefined) return yield* refused(wrong, result?.__typename === "NotFoundError")
  })
  yield* Effect.retry(ask, { schedule: patience, while: ({ isPassing }) => isPassing })
})
