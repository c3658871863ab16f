/** `vehicle-twin replay`: plays history back as telemetry into a broker. */
import { Effect, Option, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { parseTime } from "../../domain/codecs/time.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { isVin } from "../../domain/vehicle/vin.ts"
import type { Played } from "../replay/playback.ts"
import { broker } from "./broker-flag.ts"
import { progress } from "./progress.ts"

class NotReplayed extends Schema.TaggedError<NotReplayed>()("NotReplayed", { message: Schema.String }) {}

type Shift = "none" | "now" | number

const timeOf = (text: string) => Option.fromUndefinedOr(parseTime(text))

const flags = {
  files: Argument.String("file").pipe(
    Argument.withDescription("Exports and archive files: NDJSON (.gz: gzipped) or .parquet; - is standard input"),
    Argument.atLeast(1),
  ),
  mqtt: broker,
  topicPrefix: Flag.String("topic-prefix").pipe(
    Flag.withDescription("Goes before vehicles/{vin}/…, as MQTT_TOPIC_PREFIX of the service"),
    Flag.withDefault(""),
  ),
  url: Flag.String("url").pipe(
    Flag.withDescription("The service that takes registrations and service records, which go over GraphQL"),
    Flag.optional,
  ),
  speed: Flag.String("speed").pipe(
    Flag.filterMap(
      (text) => {
        const speed = text === "max" ? Infinity : Number(text)
        return speed > 0 ? Option.some(speed) : Option.none()
      },
      () => "a number above 0, or max",
    ),
    Flag.withDescription("So many times as fast as it was; max: as fast as it is taken"),
    Flag.withDefault(1),
  ),
  shift: Flag.String("shift").pipe(
    Flag.filterMap(
      (text): Option.Option<Shift> => text === "none" || text === "now" ? Option.some(text) : timeOf(text),
      () => "none, now, or a time like 2026-11-22T08:15:30Z",
    ),
    Flag.withDescription(
      "When the first event happens; all times move alike, and it is another fact. none: as it was, the same facts, "
        + "marked as reissued",
    ),
    Flag.withDefault<Shift>("none"),
  ),
  vins: Flag.String("vin").pipe(
    Flag.filter(isVin, () => "a VIN: 17 digits and capital letters, no I, O or Q"),
    Flag.withDescription("Only this vehicle; may be given several times"),
    Flag.atLeast(0),
  ),
  after: Flag.String("after").pipe(
    Flag.filter((text) => /^[0-9a-f]{16}$/.test(text), () => "a position: sixteen hexadecimal digits"),
    Flag.withDescription("Go on after this position, which an interrupted replay has told"),
    Flag.optional,
  ),
}

const say = (line: string) => process.stderr.write(`${line}\n`)

export const replay = Command.make(
  "replay",
  flags,
  Effect.fnUntraced(
    function*({ after, files, shift, url, vins, ...rest }) {
      if (Option.isSome(after) && shift === "now") {
        return yield* new NotReplayed({
          message: "--after goes with the --shift that the interrupted replay has told: now is another time by now",
        })
      }
      const startAt = shift === "none" ? undefined : shift === "now" ? Date.now() : shift
      let done: Played = { messages: 0, requests: 0, position: undefined, withheld: 0, leftOut: new Map() }
      const goOn = () => {
        const position = done.position ?? Option.getOrUndefined(after)
        const shifted = startAt === undefined ? "" : ` --shift ${toTime(startAt)}`
        return position === undefined
          ? "Nothing was taken"
          : `${counted(done)}. Go on with: --after ${position}${shifted}`
      }
      // Not above: the other commands start faster without it.
      const { playback } = yield* Effect.promise(() => import("../replay/playback.ts"))
      yield* Effect.gen(function*() {
        const shown = yield* progress("messages")
        yield* playback({
          ...rest,
          files,
          isLive: shift === "now",
          ...(startAt !== undefined && { startAt }),
          ...(Option.isSome(url) && { url: url.value.replace(/\/+$/, "") }),
          ...(vins.length > 0 && { vins: new Set(vins) }),
          ...(Option.isSome(after) && { after: after.value }),
          progress: (played, fraction) => {
            done = played
            shown.update(played.messages, fraction, played.position && `taken up to ${played.position}`)
          },
          say,
        })
      }).pipe(
        Effect.scoped,
        Effect.mapError(({ message }) => new NotReplayed({ message: `${message}\n${goOn()}` })),
        Effect.onInterrupt(() => Effect.sync(() => say(`Interrupted. ${goOn()}`))),
      )
      for (const line of summary(done, Option.isSome(url))) say(line)
    },
    Effect.provide(FetchHttpClient.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription("Play history back as telemetry into a broker, in the order in which it was received"),
  Command.withExamples([
    { command: "vehicle-twin replay history.ndjson.gz --speed max", description: "As it was, into a fresh service" },
    {
      command: "vehicle-twin replay trip.parquet --vin LSVAA4182E2184847 --shift now",
      description: "One vehicle's trip, as if it drove now",
    },
    {
      command: "vehicle-twin replay history.parquet --speed 10 --url http://127.0.0.1:4000",
      description: "With registrations and service records",
    },
  ]),
)

const counted = ({ messages, position, requests }: Played): string =>
  `${messages} messages${requests > 0 ? ` and ${requests} requests` : ""}${
    position === undefined ? "" : `, all taken up to ${position}`
  }`

const summary = (played: Played, hasUrl: boolean): ReadonlyArray<string> => {
  const lines = [counted(played)]
  if (played.leftOut.size > 0) {
    const types = Array.from(played.leftOut, ([type, count]) => `${count} ${type}`).join(", ")
    lines.push(`Not played: ${types}${hasUrl ? "" : ". With --url registrations and service records are"}`)
  }
  if (played.withheld > 0) {
    lines.push(`Not played: ${played.withheld} readings whose time was not believed when they came`)
  }
  return lines
}
