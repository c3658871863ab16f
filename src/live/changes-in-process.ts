/** `Changes` for a projector and subscribers in the same process. */
import { Effect, Layer } from "effect"
import { Changes, type Committed } from "./changes.ts"

export const layer: Layer.Layer<Changes> = Layer.sync(Changes, () => {
  const listeners = new Set<(committed: Committed) => void>()
  return Changes.of({
    publish: (committed) =>
      Effect.sync(() => {
        for (const listener of listeners) listener(committed)
      }),
    listen: (listener) =>
      Effect.acquireRelease(
        Effect.sync(() => void listeners.add(listener)),
        () => Effect.sync(() => void listeners.delete(listener)),
      ),
  })
})
