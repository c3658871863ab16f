/** `vehicle-twin serve`: the service, until it is told to stop. */
import { Effect, Layer } from "effect"
import { CliError, Command } from "effect/cli"
import * as Logging from "../logging.ts"
import { Settings } from "../settings.ts"

export const serve = Command.make(
  "serve",
  {},
  Effect.fnUntraced(
    function*() {
      const settings = yield* Settings
      // Not above: the other commands start faster without the whole service.
      const { layer } = yield* Effect.promise(() => import("../main.ts"))
      yield* Layer.launch(layer).pipe(
        Effect.provide(Logging.layer(settings)),
        // Once all is closed: a service that stops when it is told to has not failed.
        Effect.onInterrupt(() => Effect.sync(() => {
          process.exitCode = 0
        })),
      )
    },
    Effect.provide(Settings.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription("Run the service; its settings are environment variables"),
  Command.withExamples([
    { command: "vehicle-twin serve", description: "Everything embedded, on this machine alone" },
    {
      command: "MQTT_URL=mqtts://broker:8883 MQTT_USERNAME=twin DATA_DIR=/var/lib/twin vehicle-twin serve",
      description: "With a broker elsewhere",
    },
  ]),
)
