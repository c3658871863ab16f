/**
 * A history taken out, brought back into an empty log, and played into a fresh service: the figures, and whether the
 * twins are the same.
 */
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { Effect, Layer } from "effect"
import type { Twin } from "../../domain/vehicle/twin.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { Hydration } from "../../src/vehicles/hydration.ts"
import { freePort } from "../support/free-port.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { cli, fillLog, run, vehicles } from "./export.ts"
import { vinOf } from "./load.ts"
import { service } from "./service.ts"

export interface RoundTripFigures {
  readonly events: number
  /** Events a second, and MB at most. */
  readonly imported: { readonly rate: number; readonly residentMb: number }
  /** Messages a second. */
  readonly replayed: { readonly rate: number; readonly residentMb: number }
  /** Vehicles whose twin after the import is not the one before it, in any part. */
  readonly differAfterImport: number
  /** Vehicles whose signals after the replay have another value or device time, or which have other signals. */
  readonly differAfterReplay: number
}

/** Of all vehicles, from the log alone. */
const twinsIn = (folder: string): Effect.Effect<ReadonlyArray<Twin>, unknown> =>
  Hydration.use(({ hydrate }) =>
    Effect.forEach(Array.from({ length: vehicles }, (_, n) => vinOf(n)), (vin) =>
      Effect.map(hydrate(vin), ({ state }) => state.twin))
  ).pipe(Effect.provide(Layer.provide(Hydration.layer, Sqlite.layerReadOnly({ file: join(folder, "log.db") }))))

const measured = ({ signals }: Twin) =>
  Object.fromEntries(Object.entries(signals).map(([path, { at, quality, value }]) => [path, { at, quality, value }]))

const differing = <A>(before: ReadonlyArray<A>, after: ReadonlyArray<A>): number =>
  before.filter((one, n) => !isDeepStrictEqual(one, after[n])).length

/** Takes about seven minutes and some GB of disk for a million events. */
export const benchRoundTrip = Effect.fnUntraced(function*(events: number) {
  const folder = yield* temporaryFolder
  yield* fillLog(join(folder, "log.db"), events)
  const file = join(folder, "history.parquet")
  yield* run([cli, "export", "-o", file], { DATA_DIR: folder })
  const before = yield* twinsIn(folder)

  const copy = yield* temporaryFolder
  const imported = yield* run([cli, "import", file], { DATA_DIR: copy })
  const afterImport = yield* twinsIn(copy)

  const fresh = yield* temporaryFolder
  const port = yield* Effect.promise(freePort)
  const running = yield* service({ DATA_DIR: fresh, MQTT_PORT: String(port) })
  yield* running.start
  const replayed = yield* run([cli, "replay", file, "--speed", "max", "--mqtt", `mqtt://127.0.0.1:${port}`])
  yield* running.stop
  const afterReplay = yield* twinsIn(fresh)

  const figures: RoundTripFigures = {
    events,
    imported: { rate: events / imported.seconds, residentMb: imported.residentMb },
    replayed: { rate: events / replayed.seconds, residentMb: replayed.residentMb },
    differAfterImport: differing(before, afterImport),
    differAfterReplay: differing(before.map(measured), afterReplay.map(measured)),
  }
  return figures
}, Effect.scoped)
