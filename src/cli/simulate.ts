/** `vehicle-twin simulate`: a fleet for a demo or a load test, over real MQTT connections. */
import { Console, DateTime, Duration, Effect, Option } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import * as Fleet from "../simulator/fleet.ts"
import { mostVehicles } from "../simulator/roster.ts"
import { broker } from "./broker-flag.ts"

const positive = (name: string) =>
  Flag.Finite(name).pipe(Flag.filter((value) => value > 0, () => "a number above 0"))

const whole = (name: string, min: number, max: number) =>
  Flag.Int(name).pipe(
    Flag.filter((value) => value >= min && value <= max, () => `a whole number from ${min} to ${max}`),
  )

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

const duration = (name: string) =>
  Flag.String(name).pipe(
    Flag.filterMap(
      (text) => {
        const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
        const millis = match === null ? 0 : Number(match[1]) * (units[match[2] ?? ""] ?? 0)
        return millis > 0 ? Option.some(Duration.millis(millis)) : Option.none()
      },
      () => "a time span like 500ms, 60s, 5m or 1h",
    ),
  )

const isoTime = (name: string) =>
  Flag.String(name).pipe(
    Flag.filterMap(
      (text) => (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) ? DateTime.make(text) : Option.none()),
      () => "a time like 2026-11-22T08:15:30Z",
    ),
    Flag.map(DateTime.toEpochMillis),
  )

const flags = {
  vehicles: whole("vehicles", 1, mostVehicles).pipe(
    Flag.withDescription(
      `Vehicles in the fleet. Up to ${Fleet.mostOwnConnections} have a connection each, more share ` +
        `${Fleet.sharedConnections} connections`,
    ),
    Flag.withDefault(50),
  ),
  rate: positive("rate").pipe(
    Flag.withDescription("Samples a second of the whole fleet: a message each, but for faults"),
    Flag.withDefault(50),
  ),
  seed: whole("seed", 0, Number.MAX_SAFE_INTEGER).pipe(
    Flag.withDescription("The same seed and --start, with the same vehicles, rate and speed, send the same messages"),
    Flag.withDefault(1),
  ),
  url: broker,
  duration: duration("duration").pipe(Flag.withDescription("End after this time: 60s, 5m"), Flag.optional),
  count: whole("count", 1, Number.MAX_SAFE_INTEGER).pipe(
    Flag.withDescription("End after so many samples"),
    Flag.optional,
  ),
  start: isoTime("start").pipe(
    Flag.withDescription(
      "Where the simulated clock begins. Default: now; with --speed above 1, as long ago as the run gains on the clock",
    ),
    Flag.optional,
  ),
  speed: positive("speed").pipe(
    Flag.withDescription("Simulated seconds a second"),
    Flag.withDefault(1),
  ),
  faults: Flag.Literals("faults", ["none", "some"]).pipe(
    Flag.withDescription(
      "some: vehicles go offline and catch up, repeat themselves, have wrong clocks, reboot, send bad payloads and " +
        "trouble codes, and services fall due",
    ),
    Flag.withDefault("none"),
  ),
  labels: Flag.Path("labels").pipe(
    Flag.withDescription("Write every fault to this file, a line of JSON each"),
    Flag.optional,
  ),
  ledger: Flag.Path("ledger").pipe(
    Flag.withDescription("Write every message's vehicle, session, seq and acknowledgement to this file, a line each"),
    Flag.optional,
  ),
}

export const simulate = Command.make(
  "simulate",
  flags,
  Effect.fnUntraced(function*({ faults, url, duration, count, start, labels, ledger, ...rest }) {
    const options: Fleet.FleetOptions = {
      ...rest,
      url,
      faults: faults === "some",
      duration: Option.getOrUndefined(duration),
      count: Option.getOrUndefined(count),
      start: Option.getOrUndefined(start),
      labels: Option.getOrUndefined(labels),
      ledger: Option.getOrUndefined(ledger),
      progress: (summary) => Console.error(Fleet.describe(summary)),
    }
    yield* Fleet.run(options)
  }, Effect.mapError((cause) => new CliError.UserError({ cause }))),
).pipe(
  Command.withDescription("Simulate a fleet of electric vehicles over MQTT"),
  Command.withExamples([
    { command: "vehicle-twin simulate --vehicles 50 --rate 50 --faults some", description: "A lively fleet" },
    {
      command: "vehicle-twin simulate --vehicles 1000 --rate 5000 --duration 60s --ledger sent.ndjson",
      description: "Load for a minute, with a ledger to look for losses",
    },
    {
      command: "vehicle-twin simulate --vehicles 10 --seed 7 --start 2026-11-01T00:00:00Z --speed 600 --count 10000",
      description: "The same messages every time",
    },
  ]),
)
