/** The command `vehicle-twin`: each subcommand is a file beside this one. */
import "effect/schema/SchemaJITCompiler/enable"
// Not the whole package, which brings an HTTP server and more: a third of a small command's memory.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Runtime } from "effect"
import { Command } from "effect/cli"
import manifest from "../../package.json" with { type: "json" }

/** In the order in which they are listed. */
const subcommands = {
  serve: async () => (await import("./serve.ts")).serve,
  demo: async () => (await import("./demo.ts")).demo,
  simulate: async () => (await import("./simulate.ts")).simulate,
  register: async () => (await import("./register.ts")).register,
  export: async () => (await import("./export.ts")).exportCommand,
  import: async () => (await import("./import.ts")).importCommand,
  replay: async () => (await import("./replay.ts")).replay,
  backtest: async () => (await import("./backtest.ts")).backtest,
  rebuild: async () => (await import("./rebuild.ts")).rebuild,
  archive: async () => (await import("./archive.ts")).archive,
  "dead-letters": async () => (await import("./dead-letters.ts")).deadLetters,
}

const isSubcommand = (name: string | undefined): name is keyof typeof subcommands =>
  name !== undefined && Object.hasOwn(subcommands, name)

/** The one that is asked for, since loading them all takes a second; all where the list of them may be wanted. */
const loaded = () => {
  const [, , first] = process.argv
  return Promise.all(isSubcommand(first) ? [subcommands[first]()] : Object.values(subcommands).map((load) => load()))
}

const vehicleTwin = Command.make("vehicle-twin").pipe(
  Command.withDescription("Event-sourced digital twins for vehicle fleets"),
  Command.withSubcommands(await loaded()),
)

vehicleTwin.pipe(
  Command.run({ version: manifest.version }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    // Interrupted is 130, unless the command has said that to be told to stop is how it ends.
    teardown: (exit, onExit) =>
      Runtime.defaultTeardown(exit, (code) => onExit(code === 130 ? Number(process.exitCode ?? code) : code)),
  }),
)
