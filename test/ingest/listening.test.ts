import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { KafkaIn } from "../../src/ingest/kafka.ts"
import { listening } from "../../src/ingest/listening.ts"
import { Mqtt } from "../../src/ingest/mqtt.ts"

const isListening = (ready: boolean, kafka: { readonly failure: string | undefined; readonly isBehind: boolean }) =>
  Effect.flatten(listening).pipe(
    Effect.provideService(Mqtt, { ready: Effect.succeed(ready), address: undefined }),
    Effect.provideService(KafkaIn, { status: Effect.succeed(kafka) }),
  )

it.effect("hears vehicles while every way in is open and brings what is said now", () =>
  Effect.gen(function*() {
    const prompt = { failure: undefined, isBehind: false }
    expect(yield* isListening(true, prompt)).toBe(true)
    expect(yield* isListening(false, prompt)).toBe(false)
    expect(yield* isListening(true, { ...prompt, failure: "away" })).toBe(false)
    expect(yield* isListening(true, { ...prompt, isBehind: true })).toBe(false)
  }))
