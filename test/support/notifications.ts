/** Notifications as the service has them, over the log around and a database of their own. */
import { join } from "node:path"
import { Effect, Layer } from "effect"
import * as Notifications from "../../src/notify/notifications.ts"
import * as NotificationRules from "../../src/notify/rules.ts"
import * as SqliteClient from "../../src/sql/sqlite-client.ts"
import { temporaryFolder } from "./temporary-folder.ts"

/** Of 24 bytes. */
export const secret = `whsec_${Buffer.from("secret of twenty-four b.").toString("base64")}`

const database = Layer.unwrap(Effect.map(temporaryFolder, (folder) =>
  SqliteClient.layer({ file: join(folder, "reactor.db"), synchronous: "NORMAL" })))

/** Nothing is set by which anybody could be told. */
export const notificationsAlone = Notifications.layer({ webhook: { secrets: [], allowPrivate: false }, mail: undefined }).pipe(
  Layer.provide(database),
  Layer.provideMerge(NotificationRules.layer({ canSign: false, canMail: false, allowPrivate: false })),
  Layer.orDie,
)
