/** History for a backtest, from the files of an export or from the log, some hundred events at a time. */
import { Effect, Stream } from "effect"
import { EventStore } from "../eventstore/event-store.ts"
import { shareOf } from "../eventstore/position.ts"
import type { Backtest } from "./backtest.ts"
import * as EventSource from "./event-source.ts"
import { select } from "./select.ts"

/** Hears how much of the history was read, from 0 to 1, where that is known. */
type OnRead = (fraction: number | undefined) => void

/** Merged by their positions. */
export const fromFiles = (backtest: Backtest, files: ReadonlyArray<string>, onRead: OnRead) =>
  Effect.scoped(Effect.gen(function*() {
    const source = yield* EventSource.open(files)
    while (true) {
      const page = yield* source.next
      if (page === undefined) return
      for (const event of page.events) backtest.add(event)
      if (page.problem !== undefined) return yield* page.problem
      onRead(source.fraction())
    }
  }))

/** Up to what is in it now. */
export const fromLog = Effect.fnUntraced(function*(
  backtest: Backtest,
  vins: ReadonlyArray<string> | undefined,
  onRead: OnRead,
) {
  const store = yield* EventStore
  const head = yield* store.head
  yield* select(store, { clock: "received", ...(vins !== undefined && { vins }) }).pipe(
    Stream.chunks,
    Stream.runForEach((events) =>
      Effect.sync(() => {
        for (const event of events) backtest.add(event)
        const last = events.at(-1)
        if (last !== undefined) onRead(shareOf(last.position, head))
      })
    ),
  )
})
