/** The thread that `rebuild-thread.ts` starts: it ends once the tables are swapped in, or with what went wrong. */
import "effect/schema/SchemaJITCompiler/enable"
import { workerData } from "node:worker_threads"
import { Cause, Effect, Exit } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore } from "../eventstore/event-store.ts"
import * as Log from "../eventstore/location.ts"
import * as Logging from "../logging.ts"
import * as Database from "../sql/database.ts"
import { allProjected } from "./projections.ts"
import * as Rebuild from "./rebuild.ts"
import type { Task } from "./rebuild-thread.ts"

const { database, log, names }: Task = workerData

const exit = await Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const store = yield* EventStore
  yield* Rebuild.run({ sql, store, projections: allProjected().filter(({ name }) => names.includes(name)) })
}).pipe(
  Effect.provide([Log.layerReadOnly(log), Database.layer(database), Logging.layerFromSettings]),
  Effect.runPromiseExit,
)
// A tagged error would not come whole into the other thread.
if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
