/** Nodes that lag, say nothing, drop what they took or cannot be found: what a cluster does while it changes. */
import gossipGrpc from "@eventstore/db-client/generated/gossip_grpc_pb.js"
import gossip from "@eventstore/db-client/generated/gossip_pb.js"
import { describe, expect, it } from "@effect/vitest"
import { Server, ServerCredentials, status } from "@grpc/grpc-js"
import { Effect, Stream } from "effect"
import type { Delivery } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { logLines } from "../support/log-lines.ts"
import { until } from "../support/until.ts"
import { answers, kindOf, reading } from "./eventstoredb-scripted.ts"
import { newEvents, type Store, withStore } from "./eventstoredb-support.ts"

const collecting = Effect.fnUntraced(function*(store: Store) {
  const told: Array<string> = []
  const note = (delivery: Delivery) =>
    Effect.sync(() => {
      if (delivery._tag === "Events") told.push(...delivery.events.map(({ revision }) => String(revision)))
      if (delivery._tag === "CaughtUp") told.push(delivery._tag)
    })
  const following = Stream.runForEach(store.subscribeAll({ after: beginning }), note)
  yield* Effect.forkScoped(following, { startImmediately: true })
  return told
})

describe("a cluster of EventStoreDB", () => {
  it.live("whose node subscribed to has less of the log than the one that was read: nothing of it is passed over", () =>
    Effect.gen(function*() {
      let catchUp = () => {}
      const port = yield* reading((call) => {
        switch (kindOf(call.request)) {
          case "head":
            call.write(answers.event(20))
            return call.end()
          // The node that answers this has no more than the one subscribed to.
          case "log":
            return call.end()
          default:
            call.write(answers.confirmation())
            call.write(answers.caughtUp())
            catchUp = () => {
              call.write(answers.event(15))
              call.write(answers.event(20))
            }
        }
      })
      yield* withStore(`esdb://127.0.0.1:${port}?tls=false`, (store) =>
        Effect.gen(function*() {
          const told = yield* collecting(store)
          // Silent long enough for the log to be looked at.
          yield* Effect.sleep("1500 millis")
          expect(told).toEqual([])
          catchUp()
          yield* until(() => told.length >= 3)
          expect(told).toEqual(["15", "20", "CaughtUp"])
        }).pipe(Effect.scoped))
    }), 20_000)

  it.live("whose node takes every subscription and drops it is asked ever more seldom, and that is said", () =>
    Effect.gen(function*() {
      let subscriptions = 0
      const port = yield* reading((call) => {
        if (kindOf(call.request) !== "subscription") return call.end()
        subscriptions++
        call.write(answers.confirmation())
        call.emit("error", { code: status.UNAVAILABLE, details: "Dropped." })
      })
      const { layer: logger, lines } = logLines()
      yield* withStore(`esdb://127.0.0.1:${port}?tls=false`, (store) =>
        Effect.gen(function*() {
          yield* collecting(store)
          yield* Effect.sleep("3 seconds")
        }).pipe(Effect.scoped)).pipe(Effect.provide(logger))
      expect(subscriptions).toBeGreaterThan(2)
      expect(subscriptions).toBeLessThan(12)
      expect(lines.filter((line) => line.includes("Waiting for the log"))).toHaveLength(1)
    }), 20_000)

  it.live("whose node takes a read and says nothing is asked again", () =>
    Effect.gen(function*() {
      let reads = 0
      const port = yield* reading((call) => {
        if (kindOf(call.request) !== "stream") return call.end()
        if (++reads === 1) return
        call.write(answers.event(0))
        call.end()
      })
      yield* withStore(`esdb://127.0.0.1:${port}?tls=false`, (store) =>
        Effect.gen(function*() {
          expect(yield* Stream.runCollect(store.read("s"))).toHaveLength(1)
          expect(reads).toBe(2)
        }))
    }), 30_000)

  it.live("that cannot be found while calls are breaking ends no process", () =>
    Effect.gen(function*() {
      const unhandled: Array<unknown> = []
      const note = (error: unknown) => {
        unhandled.push(error)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("unhandledRejection", note)),
        () => Effect.sync(() => process.off("unhandledRejection", note)),
      )
      const node = yield* startEventStoreDb
      const gossiping = yield* gossipOf(Number(/:(\d+)\?/.exec(node.url)?.[1]))
      yield* withStore(`esdb+discover://127.0.0.1:${gossiping.port}?tls=false`, (store) =>
        Effect.gen(function*() {
          yield* store.append("s", "no_stream", newEvents(1))
          const told = yield* collecting(store)
          yield* until(() => told.includes("CaughtUp"))
          gossiping.stop()
          // The subscription looks for a node from now on, while the appends still have theirs.
          yield* node.cutSubscriptions
          yield* Effect.sleep("300 millis")
          yield* node.inject({ _tag: "NotLeader" })
          const error = yield* Effect.flip(store.append("s", 0, newEvents(1)))
          expect(error).toMatchObject({ _tag: "EventStoreUnavailable" })
        }).pipe(Effect.scoped))
      expect(unhandled).toEqual([])
    }), 30_000)
})

/** Says that the node of the cluster is at this port. */
const gossipOf = (nodePort: number) =>
  Effect.acquireRelease(
    Effect.promise(() => {
      const server = new Server()
      server.addService(gossipGrpc.GossipService, {
        read: (_call: unknown, answer: (error: null, cluster: InstanceType<typeof gossip.ClusterInfo>) => void) => {
          const member = new gossip.MemberInfo()
          member.setState(gossip.MemberInfo.VNodeState.LEADER)
          member.setIsAlive(true)
          member.setHttpEndPoint(new gossip.EndPoint().setAddress("127.0.0.1").setPort(nodePort))
          const cluster = new gossip.ClusterInfo()
          cluster.addMembers(member)
          answer(null, cluster)
        },
      })
      return new Promise<{ readonly port: number; readonly stop: () => void }>((resolve) => {
        server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_, port) =>
          resolve({ port, stop: () => server.forceShutdown() }))
      })
    }),
    ({ stop }) => Effect.sync(stop),
  )
