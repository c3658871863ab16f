/**
 * Loaded into a service before its own code (`--import`): the embedded event store takes `SLOW_STORE_EVENTS` a second,
 * one after another, and no more; and what memory is in use after garbage collection goes to the file
 * `SLOW_STORE_MEMORY`, a line of JSON every two seconds.
 */
import { appendFileSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { isMainThread } from "node:worker_threads"
import { Effect } from "effect"
import type { EventStoreUnavailable } from "../../src/eventstore/errors.ts"
import { Committer } from "../../src/eventstore/sqlite-committer.ts"
import type { Writer } from "../../src/eventstore/sqlite-writer.ts"

export interface MemoryLine {
  /** Of all threads, bytes. */
  readonly resident: number
  /** Of the main thread, with buffers, after garbage collection, bytes. */
  readonly used: number
}

const slow = (perSecond: number): void => {
  const { submit } = Committer.prototype
  let freeAt = 0
  Committer.prototype.submit = function<A, E>(
    this: Committer,
    events: number,
    stage: (writer: Writer, now: number) => Effect.Effect<A, E>,
  ) {
    const turn = Effect.suspend(() => {
      const now = performance.now()
      freeAt = Math.max(now, freeAt) + (events / perSecond) * 1_000
      return Effect.sleep(freeAt - now)
    })
    type Submitted = Effect.Effect<A, E | EventStoreUnavailable>
    const submitted = submit.call<Committer, [typeof events, typeof stage], Submitted>(this, events, stage)
    return Effect.andThen(turn, submitted)
  }
}

const tellMemory = (file: string): void => {
  setFlagsFromString("--expose-gc")
  const gc: () => void = runInNewContext("gc")
  setInterval(() => {
    gc()
    const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
    const line: MemoryLine = { resident: rss, used: heapUsed + arrayBuffers }
    appendFileSync(file, `${JSON.stringify(line)}\n`)
  }, 2_000).unref()
}

if (isMainThread) {
  slow(Number(process.env["SLOW_STORE_EVENTS"]))
  tellMemory(process.env["SLOW_STORE_MEMORY"] ?? "")
}
