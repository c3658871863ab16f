/** The connection string, and the servers it may lead to. */
import { Metadata, ServerCredentials, status } from "@grpc/grpc-js"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { vi } from "vitest"
import { beginning } from "../../src/eventstore/position.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { skipped } from "../support/say.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { until } from "../support/until.ts"
import { reading } from "./eventstoredb-scripted.ts"
import { newEvents, withStore } from "./eventstoredb-support.ts"

const opensslIsThere = spawnSync("openssl", ["version"]).status === 0
if (!opensslIsThere) skipped("no openssl here, so a server with TLS is not tested")

describe("EVENTSTORE_URL", () => {
  const opened = (url: string) => Effect.flip(withStore(url, (store) => store.head))

  it.live.each([
    ["not a connection string", "localhost:2113"],
    ["of another scheme", "https://admin:changeit@localhost:2113"],
    ["without a host", "esdb://admin:changeit@"],
    ["with a password that is not encoded", "esdb://admin:chan:geit@localhost:2113"],
    ["with a password that is not encoded", "esdb://admin:chan@geit@localhost:2113"],
    ["with a port that is none", "esdb://admin:changeit@localhost:changeit"],
    ["with an unknown option", "esdb://admin:changeit@localhost:2113?tls=false&changed=it"],
    ["with an option's wrong value", "esdb://admin:changeit@localhost:2113?tls=changeit"],
    ["with an option that the client has not", "esdb://admin:changeit@localhost:2113?tlsVerifyCert=false"],
    ["with a CA that is not there", "esdb://admin:changeit@localhost:2113?tlsCAFile=/nowhere/ca.pem"],
    ["with a certificate and no key", "esdb://admin:changeit@localhost:2113?userCertFile=/nowhere/cert.pem"],
  ] as const)("%s is refused at once, by name, and without showing the password", ([, url]) =>
    Effect.gen(function*() {
      const consoles = (["error", "log", "warn"] as const).map((method) => vi.spyOn(console, method))
      const error = yield* opened(url)
      expect(error).toMatchObject({ _tag: "EventStoreUnavailable", operation: "open" })
      expect(error.message).toContain("EVENTSTORE_URL")
      const shown = [error.message, ...consoles.flatMap(({ mock }) => mock.calls.flat())].join("\n")
      expect(shown).not.toMatch(/changeit|geit@|chan:|chan@/)
      for (const spied of consoles) spied.mockRestore()
    }))

  it.live("with credentials that the server does not take is refused at once", () =>
    Effect.gen(function*() {
      const port = yield* reading((call) => call.emit("error", { code: status.UNAUTHENTICATED, details: "No." }))
      const error = yield* opened(`esdb://admin:changeit@127.0.0.1:${port}?tls=false`)
      expect(error).toMatchObject({ _tag: "EventStoreUnavailable", operation: "open" })
      expect(error.message).toMatch(/access denied.*EVENTSTORE_URL/)
      expect(error.message).not.toContain("changeit")
    }))

  it.live("with a user who may not read everything is refused at once", () =>
    Effect.gen(function*() {
      const metadata = new Metadata()
      metadata.set("exception", "access-denied")
      const port = yield* reading((call) =>
        call.emit("error", { code: status.PERMISSION_DENIED, details: "No.", metadata }))
      const error = yield* opened(`esdb://127.0.0.1:${port}?tls=false`)
      expect(error.message).toMatch(/access denied.*EVENTSTORE_URL/)
    }))

  it.live.skipIf(!opensslIsThere)("carries the CA of a server with TLS, and who we are", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [key, ca] = [`${folder}/key.pem`, `${folder}/ca.pem`]
      execFileSync("openssl", [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost".split(" "),
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        key,
        "-out",
        ca,
      ], { stdio: "ignore" })
      const pair = { private_key: readFileSync(key), cert_chain: readFileSync(ca) }
      const expected = `Basic ${Buffer.from("admin:p@ss:word").toString("base64")}`
      const port = yield* reading((call) => {
        if (call.metadata.get("authorization")[0] === expected) call.end()
        else call.emit("error", { code: status.UNAUTHENTICATED, details: "No." })
      }, ServerCredentials.createSsl(null, [pair]))
      const url = (password: string, options: string) => `esdb://admin:${password}@localhost:${port}${options}`
      const withCa = `?tlsCAFile=${encodeURIComponent(ca)}`
      expect(yield* withStore(url("p%40ss%3Aword", withCa), (store) => store.head)).toBe(beginning)
      expect((yield* opened(url("other", withCa))).message).toContain("access denied")
      expect((yield* opened(url("p%40ss%3Aword", ""))).message).toContain("tlsCAFile")
    }), 30_000)

  it.live("of a server that is not there yet is waited for", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* server.stop
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(store.append("early", "no_stream", newEvents(1)))
          expect(error).toMatchObject({ _tag: "EventStoreUnavailable", operation: "append" })
          expect(error.message).toContain("EVENTSTORE_URL")
          const seen: Array<string> = []
          yield* store.subscribeAll({ after: beginning }).pipe(
            Stream.runForEach((delivery) =>
              Effect.sync(() => {
                if (delivery._tag === "Events") seen.push(...delivery.events.map(({ stream }) => stream))
              })
            ),
            Effect.forkScoped({ startImmediately: true }),
          )
          yield* Effect.sleep("300 millis")
          yield* server.start
          yield* store.append("late", "no_stream", newEvents(1))
          yield* until(() => seen.length > 0)
          expect(seen).toEqual(["late"])
        }).pipe(Effect.scoped))
    }), 30_000)

  it.live.each(["esdb+discover://HOST?tls=false", "esdb://HOST,HOST?tls=false&nodePreference=leader"])(
    "of a cluster finds a node (%s)",
    (url) =>
      Effect.gen(function*() {
        const server = yield* startEventStoreDb
        const [host = ""] = /127\.0\.0\.1:\d+/.exec(server.url) ?? []
        yield* withStore(url.replaceAll("HOST", host), (store) =>
          Effect.gen(function*() {
            yield* store.append("s", "no_stream", newEvents(2))
            yield* server.inject({ _tag: "NotLeader" })
            yield* store.append("s", 1, newEvents(1))
            yield* server.cutConnections
            yield* store.append("s", 2, newEvents(1))
            expect(server.countOf("s")).toBe(4)
          }))
      }),
  )
})
