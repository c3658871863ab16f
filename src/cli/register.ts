/** `vehicle-twin register`: makes vehicles known to a running service, one by flags or many from a file. */
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { Powertrain } from "../../domain/vehicle/events.ts"

const Registration = Schema.Struct({
  vin: Schema.String,
  brand: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  year: Schema.optionalKey(Schema.Int),
  powertrain: Schema.optionalKey(Powertrain),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
})
type Registration = typeof Registration.Type

class NotRegistered extends Schema.TaggedError<NotRegistered>()("NotRegistered", { message: Schema.String }) {}

const document = `mutation ($input: RegisterVehicleInput!) {
  registerVehicle(input: $input) { __typename ... on RegisterVehiclePayload { vehicle { vin revision } } ... on Error { message } }
}`

const Answer = Schema.Struct({
  data: Schema.optionalKey(Schema.NullOr(Schema.Struct({
    registerVehicle: Schema.NullOr(Schema.Struct({
      message: Schema.optionalKey(Schema.String),
      vehicle: Schema.optionalKey(Schema.Struct({ vin: Schema.String, revision: Schema.Int })),
    })),
  }))),
  errors: Schema.optionalKey(Schema.Array(Schema.Struct({ message: Schema.String }))),
})

const send = Effect.fnUntraced(function*(url: string, registration: Registration) {
  const client = yield* HttpClient.HttpClient
  const response = yield* HttpClientRequest.post(`${url}/graphql`).pipe(
    HttpClientRequest.bodyJson({ query: document, variables: { input: registration } }),
    Effect.flatMap(client.execute),
    Effect.mapError((error) => new NotRegistered({ message: `${url} does not answer: ${error.message}` })),
  )
  const answer = yield* response.json.pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Answer)),
    Effect.mapError(() => new NotRegistered({ message: `${url} does not answer as a vehicle-twin service does` })),
  )
  const result = answer.data?.registerVehicle
  const wrong = answer.errors?.[0]?.message ?? result?.message
  if (wrong !== undefined) return yield* new NotRegistered({ message: `${registration.vin}: ${wrong}` })
  yield* Console.log(JSON.stringify(result?.vehicle))
})

const fromFile = Effect.fnUntraced(function*(file: string) {
  const text = yield* (yield* FileSystem.FileSystem).readFileString(file)
  const lines = text.split("\n").map((line, i) => [line, i + 1] as const).filter(([line]) => line.trim() !== "")
  return yield* Effect.forEach(lines, ([line, number]) =>
    Schema.decodeUnknownEffect(Schema.fromJsonString(Registration))(line).pipe(
      Effect.mapError((error) => new NotRegistered({ message: `${file}, line ${number}: ${error.message}` })),
    ))
})

export const register = Command.make(
  "register",
  {
    url: Flag.String("url").pipe(Flag.withDescription("The service"), Flag.withDefault("http://127.0.0.1:4000")),
    file: Flag.Path("file").pipe(
      Flag.withDescription("Vehicles, a JSON object a line: vin, brand, model, year, powertrain, tags"),
      Flag.optional,
    ),
    vin: Flag.String("vin").pipe(Flag.optional),
    brand: Flag.String("brand").pipe(Flag.optional),
    model: Flag.String("model").pipe(Flag.optional),
    year: Flag.Int("year").pipe(Flag.withDescription("Model year"), Flag.optional),
    powertrain: Flag.Literals("powertrain", Powertrain.literals).pipe(Flag.optional),
    tags: Flag.String("tag").pipe(Flag.withDescription("May be given several times"), Flag.atLeast(0)),
  },
  Effect.fnUntraced(
    function*({ file, tags, url, vin, ...rest }) {
      if (Option.isSome(file) === Option.isSome(vin)) {
        return yield* new NotRegistered({ message: "give either --vin or --file" })
      }
      const described = Object.entries<Option.Option<string | number>>(rest)
        .flatMap(([name, value]) => (Option.isSome(value) ? [[name, value.value]] : []))
      const registrations = Option.isSome(file)
        ? yield* fromFile(file.value)
        : [{ vin: Option.getOrElse(vin, () => ""), ...Object.fromEntries(described), ...(tags.length > 0 && { tags }) }]
      yield* Effect.forEach(registrations, (registration) => send(url, registration), { discard: true })
    },
    Effect.provide(FetchHttpClient.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription("Register vehicles with a running service, or describe them anew"),
  Command.withExamples([
    { command: "vehicle-twin register --vin LSVAA4182E2184847 --brand Roewe --tag pilot", description: "One vehicle" },
    { command: "vehicle-twin register --file fleet.ndjson", description: "A fleet, a JSON object a line" },
  ]),
)
