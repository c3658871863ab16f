/** Each kind of fault, as real as one machine can make it. */
import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Random } from "../../src/simulator/random.ts"
import { withFullDisk, withLockedLog } from "../support/log-faults.ts"
import type { ServerProcess } from "../support/server-process.ts"
import type { Fault } from "./fault.ts"
import { secondMember } from "./second-member.ts"
import { allWays, published, storedOf, underWay, type World } from "./world.ts"

/** Whether the service warned of something since now. */
const warned = ({ service }: World): () => boolean => {
  const before = service.warnings()
  return () => service.warnings() > before
}

const killed: Fault = {
  kind: "SIGKILL of the service",
  strike: Effect.fnUntraced(function*(world, random, over) {
    const { service } = world
    const before = published(world)
    yield* service.kill
    const bit = (yield* storedOf(world, allWays)) < before
    // Now and then again, while it starts.
    if (random.chance(0.3)) {
      const starting = yield* Effect.forkScoped(service.start)
      yield* Effect.sleep(random.between(100, 1_500))
      yield* service.kill
      yield* Fiber.join(starting)
    }
    yield* over
    yield* service.start
    return () => bit
  }),
}

const stopped: Fault = {
  kind: "orderly stop of the service",
  strike: Effect.fnUntraced(function*(world, _, over) {
    const { publishers, service } = world
    const waited = publishers.some(({ isWaiting }) => isWaiting)
    const before = published(world)
    assert.strictEqual(yield* service.stop, 0)
    const left = (yield* storedOf(world, allWays)) < before
    yield* over
    yield* service.start
    return () => waited || left
  }),
}

const restarted = (
  kind: string,
  server: (world: World) => Pick<ServerProcess, "start">,
  end: (world: World) => Effect.Effect<void>,
): Fault => ({
  kind,
  strike: Effect.fnUntraced(function*(world, random, over) {
    const bit = warned(world)
    yield* end(world)
    yield* Effect.sleep(random.between(0, 3_000))
    yield* server(world).start
    yield* over
    return bit
  }),
})

/** What is held up must be seen to be: nothing more in the log, and the service says that it waits. */
const refused = (kind: string, hold: (world: World, random: Random) => Effect.Effect<void>): Fault => ({
  kind,
  strike: Effect.fnUntraced(function*(world, random, over) {
    const bit = warned(world)
    yield* hold(world, random)
    yield* over
    return bit
  }),
})

/** Longer than the log waits for a lock before it says that it cannot write. */
const locked = refused("log locked by another process for 6 s", ({ folder }) =>
  withLockedLog(folder, Effect.sleep("6 seconds")))

const full = refused("disk full under the log for 5 s", ({ folder, service }, random) => {
  const pid = service.pid()
  return pid === undefined ? Effect.void : withFullDisk(pid, folder, random, Effect.sleep("5 seconds"))
})

const cut: Fault = {
  kind: "network cut to Mosquitto and PostgreSQL",
  strike: Effect.fnUntraced(function*({ networks, ...world }, random, over) {
    const bit = warned({ networks, ...world })
    yield* Effect.all([networks.mosquitto.cut, networks.postgres.cut])
    yield* Effect.sleep(random.between(200, 3_000))
    yield* Effect.all([networks.mosquitto.restore, networks.postgres.restore])
    yield* over
    return bit
  }),
}

const stalled: Fault = {
  kind: "network dead to Mosquitto and PostgreSQL, unnoticed",
  strike: Effect.fnUntraced(function*(world, random, over) {
    const { networks } = world
    yield* Effect.all([networks.mosquitto.stall, networks.postgres.stall])
    const before = yield* storedOf(world, ["MQTT"])
    yield* Effect.sleep(random.between(1_000, 5_000))
    const grew = (yield* storedOf(world, ["MQTT"])) - before
    const messages = yield* underWay(world)
    yield* Effect.all([networks.mosquitto.restore, networks.postgres.restore])
    yield* over
    // What was in the service already still becomes durable.
    return () => messages > grew
  }),
}

const rebalanced: Fault = {
  kind: "Kafka rebalance by a second member",
  strike: Effect.fnUntraced(function*(world, random, over) {
    const taken = yield* secondMember(world, random.between(500, 3_000))
    yield* over
    return () => taken > 0
  }),
}

const away = refused("EventStoreDB away for 5 s", ({ log: { server } }) => {
  const steps = server === undefined ? [] : [server.stop, Effect.sleep("5 seconds"), server.start]
  return Effect.all(steps, { discard: true })
})

const answersLost = 6

/** What was written and what was not is for the service to find out. */
const unanswered: Fault = {
  kind: "EventStoreDB's answers lost",
  strike: Effect.fnUntraced(function*(world, random, over) {
    const { appendsSeen, inject } = world.log.server ?? { appendsSeen: Effect.succeed(0), inject: () => Effect.void }
    const before = yield* appendsSeen
    for (let i = 0; i < answersLost; i++) {
      yield* inject({ _tag: random.pick(["LoseAnswer", "DropDuringAppend", "Timeout", "Conflict"]) })
      yield* Effect.sleep(random.between(0, 500))
    }
    const met = (yield* appendsSeen) - before
    yield* over
    return () => met >= answersLost
  }),
}

export const faults: ReadonlyArray<Fault> = [
  killed,
  stopped,
  restarted("SIGTERM and restart of Mosquitto", ({ mosquitto }) => mosquitto, ({ mosquitto }) => mosquitto.stop),
  restarted("SIGKILL and restart of Kafka", ({ kafka }) => kafka, ({ kafka }) => kafka.kill),
  restarted("SIGKILL and restart of PostgreSQL", ({ postgres }) => postgres, ({ postgres }) => postgres.kill),
  locked,
  full,
  rebalanced,
  cut,
  stalled,
]

/** With the log in EventStoreDB. */
export const eventStoreDbFaults: ReadonlyArray<Fault> = [killed, away, unanswered]
