/** The command `vehicle-twin`: each subcommand is a file beside this one. */
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Runtime } from "effect"
import { Command } from "effect/cli"
import manifest from "../../package.json" with { type: "json" }
import { demo } from "./demo.ts"
import { register } from "./register.ts"
import { serve } from "./serve.ts"
import { simulate } from "./simulate.ts"

const vehicleTwin = Command.make("vehicle-twin").pipe(
  Command.withDescription("Event-sourced digital twins for vehicle fleets"),
  Command.withSubcommands([serve, demo, simulate, register]),
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
