/**
 * What every layer of `EventStore` promises. Streams are named anew in each test and the log is read from where it
 * stood, so the suite can run on a server that others use too.
 */
import { describe, it } from "@effect/vitest"
import type { Layer } from "effect"
import type { EventStore } from "../../src/eventstore/event-store.ts"
import { appending, deleting, retrying } from "./event-store-appends.ts"
import { reading, readingTheLog } from "./event-store-reads.ts"
import { subscribing } from "./event-store-subscriptions.ts"
import { truncating } from "./event-store-truncation.ts"

export const eventStoreContract = <E>(name: string, layer: Layer.Layer<EventStore, E>) =>
  describe(name, () => {
    it.layer(layer, { excludeTestServices: true })((it) => {
      appending(it)
      retrying(it)
      truncating(it)
      deleting(it)
      reading(it)
      readingTheLog(it)
      subscribing(it)
    })
  })
