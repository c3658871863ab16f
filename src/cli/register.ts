/** `vehicle-twin register`: makes vehicles known to a running service, one by flags or many from a file. */
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { Powertrain } from "../../domain/vehicle/events.ts"
import { ask, atService, serviceUrl } from "./service-client.ts"

const Registration = Schema.Struct({
  vin: Schema.String,
  brand: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  year: Schema.optionalKey(Schema.Int),
  powertrain: Schema.optionalKey(Powertrain),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  depot: Schema.optionalKey(Schema.String),
  region: Schema.optionalKey(Schema.String),
})
type Registration = typeof Registration.Type

class NotRegistered extends Schema.TaggedError<NotRegistered>()("NotRegistered", { message: Schema.String }) {}

const document = `mutation ($input: RegisterVehicleInput!) {
  result: registerVehicle(input: $input) {
    ... on RegisterVehiclePayload { vehicle { vin revision } } ... on Error { error: message }
  }
}`

const Registered = Schema.Struct({ vehicle: Schema.Struct({ vin: Schema.String, revision: Schema.Int }) })

const send = Effect.fnUntraced(function*(url: string, registration: Registration) {
  const { vehicle } = yield* ask(url, document, { input: registration }, Registered).pipe(
    Effect.mapError(({ message }) => new NotRegistered({ message: `${registration.vin}: ${message}` })),
  )
  yield* Console.log(JSON.stringify(vehicle))
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
    url: serviceUrl,
    file: Flag.Path("file").pipe(
      Flag.withDescription("Vehicles, a JSON object a line: vin, brand, model, year, powertrain, tags, depot, region"),
      Flag.optional,
    ),
    vin: Flag.String("vin").pipe(Flag.optional),
    brand: Flag.String("brand").pipe(Flag.optional),
    model: Flag.String("model").pipe(Flag.optional),
    year: Flag.Int("year").pipe(Flag.withDescription("Model year"), Flag.optional),
    depot: Flag.String("depot").pipe(Flag.withDescription("Where it is kept and seen to"), Flag.optional),
    region: Flag.String("region").pipe(Flag.withDescription("What part of the fleet's area it is in"), Flag.optional),
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
    (effect) => atService(effect),
  ),
).pipe(
  Command.withDescription("Register vehicles with a running service, or describe them anew"),
  Command.withExamples([
    { command: "vehicle-twin register --vin LSVAA4182E2184847 --brand Roewe --tag pilot", description: "One vehicle" },
    { command: "vehicle-twin register --file fleet.ndjson", description: "A fleet, a JSON object a line" },
  ]),
)
