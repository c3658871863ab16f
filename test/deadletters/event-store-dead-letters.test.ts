import { createHash } from "node:crypto"
import { it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { describe, expect } from "vitest"
import type { Vin } from "../../domain/vehicle/vin.ts"
import { type DeadLetter, DeadLetters } from "../../src/deadletters/dead-letters.ts"
import * as EventStoreDeadLetters from "../../src/deadletters/event-store-dead-letters.ts"
import { AppendTooLarge } from "../../src/eventstore/errors.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { altered, eventsOf, temporary, unavailable } from "../support/event-store.ts"

const letter = (payload: string | Uint8Array, more: Partial<DeadLetter> = {}): DeadLetter => ({
  reason: "json",
  message: "not JSON",
  source: { kind: "mqtt", topic: "vehicles/x/telemetry" },
  receivedAt: Date.parse("2026-11-22T08:15:30.250Z"),
  payload: typeof payload === "string" ? Buffer.from(payload) : payload,
  ...more,
})

const vin = "LSVAA4187E0000001" as Vin

const on = (store: Layer.Layer<EventStore>) => EventStoreDeadLetters.layer.pipe(Layer.provideMerge(store))

const put = (...letters: ReadonlyArray<DeadLetter>) => Effect.flatMap(DeadLetters, (service) => service.put(letters))
const stored = (stream = "deadletter-mqtt") => Effect.flatMap(EventStore, (store) => eventsOf(store, stream))

describe("dead letters", () => {
  it.live("are kept with reason, source, time and payload, on a stream by kind of source", () =>
    Effect.gen(function*() {
      yield* put(
        letter("{", { path: "Vehicle.Speed", reason: "type", vin }),
        letter("[", { source: { kind: "kafka", topic: "vehicle-telemetry", position: "3/17" }, key: "A" }),
      )
      expect(yield* stored()).toMatchObject([{
        type: "DeadLettered",
        data: {
          reason: "type",
          message: "not JSON",
          path: "Vehicle.Speed",
          vin,
          payload: {
            encoding: "utf8",
            content: "{",
            bytes: 1,
            sha256: createHash("sha256").update("{").digest("hex"),
          },
        },
        metadata: {
          schema: 1,
          receivedAt: "2026-11-22T08:15:30.250Z",
          source: { kind: "mqtt", topic: "vehicles/x/telemetry" },
        },
      }])
      expect(yield* stored("deadletter-kafka")).toMatchObject([
        { data: { key: "A" }, metadata: { source: { kind: "kafka", topic: "vehicle-telemetry", position: "3/17" } } },
      ])
    }).pipe(Effect.provide(on(temporary))))

  it.live("have the same id when they come again, and another where anything but the time differs", () =>
    Effect.gen(function*() {
      const first = letter("{")
      const others = [
        letter("["),
        letter("{", { reason: "shape" }),
        letter("{", { message: "message 2: not JSON" }),
        letter("{", { path: "Vehicle.Speed" }),
        letter("{", { source: { kind: "mqtt" } }),
        letter("{", { key: "A" }),
        letter("{", { key: "B" }),
      ]
      yield* put(first, { ...first, receivedAt: first.receivedAt + 1000 })
      expect(yield* stored()).toHaveLength(1)
      yield* put({ ...first, receivedAt: first.receivedAt + 2000 })
      expect(new Set((yield* stored()).map(({ id }) => id)).size).toBe(1)
      yield* put(...others)
      expect(new Set((yield* stored()).map(({ id }) => id)).size).toBe(1 + others.length)
    }).pipe(Effect.provide(on(temporary))))

  it.live("that come again together with new ones keep nobody waiting", () =>
    Effect.gen(function*() {
      const letters = Array.from({ length: 7 }, (_, n) => letter(`${n}`))
      yield* put(...letters.filter((_, n) => n % 3 === 0))
      yield* put(...letters)
      const ids = (yield* stored()).map(({ id }) => id)
      expect(new Set(ids).size).toBe(letters.length)
    }).pipe(Effect.provide(on(temporary))))

  it.live("hold a message as a whole, once, and in whatever encoding fits", () =>
    Effect.gen(function*() {
      const payload = Buffer.from("x".repeat(256 * 1024))
      const control = Buffer.alloc(256 * 1024, 1)
      yield* put(
        letter("a", { path: "Vehicle.Speed" }),
        letter(payload, { reason: "not_registered" }),
        letter(payload, { reason: "not_registered" }),
        letter(payload, { reason: "not_registered", message: "the second observation" }),
        letter(control),
      )
      expect((yield* stored()).map(({ data }) => data["payload"])).toMatchObject([
        { content: "a" },
        { encoding: "utf8", content: payload.toString() },
        { content: "x".repeat(4096), bytes: payload.length },
        { encoding: "base64", content: control.toString("base64") },
      ])
    }).pipe(Effect.provide(on(temporary))))

  it.live("hold the first 4 KiB of a payload that is larger than the ways in take, as text where it is text", () =>
    Effect.gen(function*() {
      const large = 256 * 1024
      const cut = (text: string) => letter("x".repeat(4095) + text + "y".repeat(large))
      yield* put(
        cut("€ and more"),
        letter("x".repeat(4096) + "yes".repeat(large)),
        letter(Buffer.from([0x23, 0x23, 0xff, 0xfe])),
        letter(Buffer.alloc(large + 1, 0xff)),
        letter(""),
        letter(Buffer.from([0x61, 0xe2, 0x82])),
      )
      const payloads = (yield* stored()).map(({ data }) => data["payload"])
      expect(payloads).toMatchObject([
        { encoding: "utf8", content: "x".repeat(4095), bytes: 4095 + 12 + large },
        { encoding: "utf8", content: "x".repeat(4096), bytes: 4096 + 3 * large },
        { encoding: "base64", content: "IyP//g==", bytes: 4 },
        { encoding: "base64", content: Buffer.alloc(4096, 0xff).toString("base64"), bytes: large + 1 },
        { encoding: "utf8", content: "", bytes: 0 },
        { encoding: "base64", content: "YeKC", bytes: 3 },
      ])
    }).pipe(Effect.provide(on(temporary))))

  it.live("are appended in parts below the store's limit, however many and however they are written as JSON", () =>
    Effect.gen(function*() {
      // A control character takes six bytes in JSON.
      const many = Array.from({ length: 200 }, (_, n) =>
        letter(`${n}${"\u0001".repeat(5000)}`, { message: "€".repeat(9999) }))
      yield* put(...many)
      expect(yield* stored()).toHaveLength(200)
    }).pipe(Effect.provide(on(temporary))))

  it.live("go out in smaller parts to a store with a lower limit", () => {
    const low = altered((store) => ({
      append: (stream, expected, events) =>
        events.length > 3
          ? Effect.fail(new AppendTooLarge({ stream, bytes: events.length, limit: 3 }))
          : store.append(stream, expected, events),
    }))
    return Effect.gen(function*() {
      yield* put(...Array.from({ length: 10 }, (_, n) => letter(`${n}`)))
      expect((yield* stored()).map(({ data }) => data["payload"])).toMatchObject(
        Array.from({ length: 10 }, (_, n) => ({ content: `${n}` })),
      )
    }).pipe(Effect.provide(on(low)))
  })

  it.live("fail with the store, so that their messages are not acknowledged", () =>
    Effect.gen(function*() {
      expect(yield* Effect.flip(put(letter("{")))).toMatchObject({ _tag: "EventStoreUnavailable" })
    }).pipe(Effect.provide(on(altered(() => ({ append: () => Effect.fail(unavailable("append")) }))))))
})
