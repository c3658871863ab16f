/**
 * The whole service, as its data goes.
 *
 *     vehicle ── MQTT ──┐
 *     platform ─ Kafka ─┴► ingest ──► vehicles ──► log ──► projector ──► read model ──► API ──► app, planner
 *                             │          ▲          │                    │     │         ▲
 *                             │          └─ absence ┼────────────────────┘     └──► live ┘
 *                             └► dead letters       ├──► reactor ──► alerts
 *                                                   ├──► notifier ──► webhooks, mails ──► planner
 *                                                   └──► outbox ──► Kafka ──► data platform
 *
 * `cli/serve.ts` runs it.
 */
import { Effect, FileSystem, Layer, Option } from "effect"
import type { Catalogue } from "../domain/signals/catalogue.ts"
import * as Absence from "./absence/absence.ts"
import * as Api from "./api/http.ts"
import { loadCatalogue } from "./catalogue-file.ts"
import * as DeadLetterOffice from "./deadletters/dead-letter-office.ts"
import * as DeadLetters from "./deadletters/event-store-dead-letters.ts"
import * as DeadLetterKeeper from "./deadletters/keeper.ts"
import * as Log from "./eventstore/location.ts"
import * as Ingest from "./ingest/ingest.ts"
import { listening } from "./ingest/listening.ts"
import * as Retry from "./ingest/retry.ts"
import * as Changes from "./live/changes-in-process.ts"
import * as LiveUpdates from "./live/live-updates.ts"
import * as Alerts from "./maintenance/alerts.ts"
import * as Reactor from "./maintenance/reactor.ts"
import * as Notifications from "./notify/notifications.ts"
import * as NotificationRules from "./notify/rules.ts"
import * as Outbox from "./outbox/outbox.ts"
import * as Projector from "./readmodel/projector.ts"
import { readModels } from "./readmodel/projections.ts"
import * as Rebuild from "./readmodel/rebuild-thread.ts"
import * as ReadModel from "./readmodel/sql-read-model.ts"
import * as Archiver from "./replay/archiver.ts"
import * as ServiceChecks from "./service-checks.ts"
import { databaseOf, kafkaOf, logOf, notificationsOf, Settings, SettingsError, topicsOf } from "./settings.ts"
import * as Database from "./sql/database.ts"
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
  const kafka = kafkaOf(settings)
  const ingest = Ingest.layer({
    catalogue,
    mqtt: mqttOptions(settings),
    kafka: kafka && { ...kafka, topics: kafka.topics.in, topicPrefix: settings.mqttTopicPrefix },
  })

  const database = (name: "readmodel" | "reactor") => Database.layer(databaseOf(settings, name))
  const build = (names: ReadonlyArray<string>) =>
    Rebuild.run({ log: logLocation, database: databaseOf(settings, "readmodel"), names })
  const projector = Projector.layer({ ...readModels, build })
  // Apart, so that a read model that is thrown away and built anew raises no alert again, and publishes nothing again.
  const kept = database("reactor")
  const reactor = Reactor.layer({}).pipe(Layer.provide(kept))
  const outbox = kafka === undefined || !settings.kafkaPublish
    ? Layer.empty
    : Outbox.layer({ ...kafka, topics: kafka.topics.out }).pipe(Layer.provide(kept))
  const notify = notificationsOf(settings)
  const notificationRules = NotificationRules.layer({
    canSign: notify.webhook.secrets.length > 0,
    canMail: notify.mail !== undefined,
    allowPrivate: notify.webhook.allowPrivate,
  })
  const notifications = Notifications.layer(notify).pipe(
    Layer.provide(kept),
    Layer.provideMerge(notificationRules),
  )

  const archiver = Option.match(settings.archiveAfter, {
    onNone: () => Layer.empty,
    onSome: (after) => Archiver.layer({ log: logLocation, after }),
  })

  const retry = Retry.layer({ catalogue, topicPrefix: settings.mqttTopicPrefix, kafkaTopics: topicsOf(settings).in })
  const deadLetterOffice = Layer.merge(
    DeadLetterOffice.layer.pipe(Layer.provide(retry)),
    DeadLetterKeeper.layer({ max: settings.deadLettersMax, keep: settings.deadLettersKeep }),
  )

  const absence = Layer.unwrap(Effect.map(listening, (listening) => Absence.layer({ listening })))

  const live = LiveUpdates.layer({ catalogue })
  const api = Api.layer({ host: settings.host, port: settings.port, catalogue, log: logLocation })

  return api.pipe(
    Layer.provideMerge(Layer.mergeAll(ServiceChecks.layer, archiver, absence)),
    Layer.provideMerge(ingest),
    Layer.provideMerge(Layer.mergeAll(projector, reactor, outbox, notifications, live, deadLetterOffice)),
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
