/** An embedded log that cannot be written to for a while. */
import { execFileSync } from "node:child_process"
import { statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Effect } from "effect"
import type { Random } from "../../src/simulator/random.ts"

/** As a backup or an administrator's shell might: another process holds the file's write lock. */
export const withLockedLog = <A, E, R>(folder: string, use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const db = new DatabaseSync(`${folder}/log.db`, { timeout: 2_000 })
      db.exec("BEGIN IMMEDIATE")
      return db
    }),
    () => use,
    (db) =>
      Effect.sync(() => {
        db.exec("ROLLBACK")
        db.close()
      }),
  )

/**
 * Whatever the process writes past a size, in any file, fails in the kernel: first somewhere in the log's next commits,
 * perhaps amid one, then anywhere.
 */
export const withFullDisk = <A, E, R>(pid: number, folder: string, random: Random, use: Effect.Effect<A, E, R>) => {
  const limit = (size: number | "unlimited") => {
    // The soft limit, so that whoever set it may lift it.
    execFileSync("prlimit", ["--pid", `${pid}`, `--fsize=${size}:`])
  }
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      const written = statSync(`${folder}/log.db-wal`, { throwIfNoEntry: false })?.size ?? 0
      limit(written + random.whole(0, 65_536))
    }),
    () => Effect.andThen(Effect.sleep("500 millis"), Effect.andThen(Effect.sync(() => limit(0)), use)),
    () => Effect.sync(() => limit("unlimited")),
  )
}
