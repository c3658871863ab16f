/**
 * The whole service, as its data goes.
 *
 *     vehicle ── MQTT ──► ingest ──► vehicles ──► log ──► projector ──► read model ──► API ──► app, planner
 *                            │                     │                        │           ▲
 *                            └──► dead letters     └──► reactor ──► alerts  └──► live ──┘
 *
 * `cli/serve.ts` runs it.
 */
import { Effect, FileSystem, Layer, Option } from "effect"
import type { Catalogue } from "../domain/signals/catalogue.ts"
import * as Api from "./api/http.ts"
import { loadCatalogue } from "./catalogue-file.ts"
import * as DeadLetters from "./deadletters/event-store-dead-letters.ts"
import * as Log from "./eventstore/location.ts"
import * as Ingest from "./ingest/ingest.ts"
import * as Changes from "./live/changes-in-process.ts"
import * as LiveUpdates from "./live/live-updates.ts"
import * as Alerts from "./maintenance/alerts.ts"
import * as Reactor from "./maintenance/reactor.ts"
import * as Projector from "./readmodel/projector.ts"
import { readModels } from "./readmodel/projections.ts"
import * as Rebuild from "./readmodel/rebuild-thread.ts"
import * as ReadModel from "./readmodel/sql-read-model.ts"
import * as Archiver from "./replay/archiver.ts"
import * as ServiceChecks from "./service-checks.ts"
import { databaseOf, logOf, Settings, SettingsError } from "./settings.ts"
import * as SqliteClient from "./sql/sqlite-client.ts"
import * as Vehicles from "./vehicles/local-vehicles.ts"

const make = Effect.fnUntraced(function*(settings: Settings["Service"], catalogue: Catalogue) {
  yield* FileSystem.FileSystem.use((files) => files.makeDirectory(settings.dataDir, { recursive: true })).pipe(
    Effect.mapError(({ message }) =>
      new SettingsError({ message: `DATA_DIR ${settings.dataDir} cannot be made or used: ${message}` })
    ),
  )

  const logLocation = logOf(settings)
  const log = Log.layer(logLocation)
  const vehicles = Vehicles.layer({ admission: settings.vehicles, snapshotEvery: settings.snapshotEvery })
  const ingest = Ingest.layer({ catalogue, mqtt: mqttOptions(settings) })

  const database = (name: "readmodel" | "reactor") => SqliteClient.layer(databaseOf(settings, name))
  const build = (names: ReadonlyArray<string>) =>
    Rebuild.run({ log: logLocation, database: databaseOf(settings, "readmodel"), names })
  const projector = Projector.layer({ ...readModels, build })
  // Apart, so that a read model that is thrown away and built anew raises no alert again.
  const reactor = Reactor.layer({}).pipe(Layer.provide(database("reactor")))

  const archiver = Option.match(settings.archiveAfter, {
    onNone: () => Layer.empty,
    onSome: (after) => Archiver.layer({ log: logLocation, after }),
  })

  const live = LiveUpdates.layer({ catalogue })
  const api = Api.layer({ host: settings.host, port: settings.port, catalogue, log: logLocation })

  return api.pipe(
    Layer.provideMerge(Layer.mergeAll(ServiceChecks.layer, archiver)),
    Layer.provideMerge(ingest),
    Layer.provideMerge(Layer.mergeAll(projector, reactor, live)),
    Layer.provideMerge(Layer.mergeAll(vehicles, Alerts.layer, DeadLetters.layer, ReadModel.layer, Changes.layer)),
    Layer.provideMerge(Layer.mergeAll(log, database("readmodel"))),
  )
})

const mqttOptions = (settings: Settings["Service"]): Ingest.IngestOptions["mqtt"] =>
  Option.match(settings.mqttUrl, {
    onNone: () => ({
      _tag: "EmbeddedBroker" as const,
      host: settings.mqttHost,
      port: settings.mqttPort,
      topicPrefix: settings.mqttTopicPrefix,
    }),
    onSome: (url) => ({
      _tag: "MqttClient" as const,
      url,
      clientId: settings.mqttClientId,
      topicPrefix: settings.mqttTopicPrefix,
      shareGroup: Option.getOrUndefined(settings.mqttShareGroup),
      username: Option.getOrUndefined(settings.mqttUsername),
      password: Option.getOrUndefined(settings.mqttPassword),
      tlsCa: Option.getOrUndefined(settings.mqttTlsCa),
      tlsCert: Option.getOrUndefined(settings.mqttTlsCert),
      tlsKey: Option.getOrUndefined(settings.mqttTlsKey),
    }),
  })

export const layer = Layer.unwrap(Effect.gen(function*() {
  const settings = yield* Settings
  if (Option.isSome(settings.auth)) {
    yield* Effect.logWarning(`AUTH=none: whoever reaches ${settings.host}:${settings.port} reads and changes everything`)
  }
  return yield* make(settings, yield* loadCatalogue(settings.vssFile))
}))
