/** Faults at random moments, one a round, and how the service comes back after each. */
import { Effect, Fiber } from "effect"
import type { Random } from "../../src/simulator/random.ts"
import { highWatermarks } from "../support/kafka-topic.ts"
import { query } from "../support/service-process.ts"
import { until } from "../support/until.ts"
import type { Fault } from "./fault.ts"
import { allWays, storedOf, topics, underWay, type World } from "./world.ts"

export interface Round {
  readonly kind: string
  /** It hit something. */
  readonly bit: boolean
  /** Messages published and not in the log, as it was over. */
  readonly underWay: number
  /** What works again how long after the fault was over, ms. */
  readonly recovery: Readonly<Record<string, number>>
}

/** Nothing works again: the service hangs. */
const patience = "60 seconds"

interface Part {
  readonly name: string
  /** Grows while it works. */
  readonly progress: Effect.Effect<number>
  /** Past which it works again, told when the fault is over. */
  readonly mark: Effect.Effect<number>
}

interface Fleet {
  readonly vehicles: { readonly edges: ReadonlyArray<{ readonly node: { readonly revision: number } }> }
}

const shown = ({ service }: World) =>
  Effect.map(
    query<Fleet>(service.url, "{ vehicles(first: 200) { edges { node { revision } } } }"),
    ({ vehicles }) => vehicles.edges.reduce((sum, { node }) => sum + node.revision + 1, 0),
  )

const partsOf = (world: World): ReadonlyArray<Part> => {
  const growing = (name: string, progress: Effect.Effect<number>): Part => ({ name, progress, mark: progress })
  return [
    growing("MQTT to log", storedOf(world, ["MQTT"])),
    growing("Kafka to log", storedOf(world, ["Kafka"])),
    { name: "read model", progress: shown(world), mark: storedOf(world, allWays) },
    growing("twin-events", highWatermarks(world.kafka.brokers, topics.events)),
    {
      name: "ready",
      progress: Effect.promise(() => fetch(`${world.service.url}/readyz`).then(({ ok }) => (ok ? 1 : 0))),
      mark: Effect.succeed(0),
    },
  ]
}

/** What cannot be asked has made no progress. */
const asked = (progress: Effect.Effect<number>) =>
  progress.pipe(Effect.timeout("2 seconds"), Effect.catchCause(() => Effect.succeed(-1)))

const recovered = Effect.fnUntraced(function*({ mark, name, progress }: Part, since: number) {
  const past = yield* asked(mark)
  const wait = Effect.gen(function*() {
    while ((yield* asked(progress)) <= past) yield* Effect.sleep("50 millis")
    return [name, performance.now() - since] as const
  })
  return yield* Effect.timeoutOrElse(wait, {
    duration: patience,
    orElse: () => Effect.die(new Error(`${name} did not come back within ${patience}`)),
  })
})

const round = Effect.fnUntraced(function*(world: World, fault: Fault, random: Random) {
  yield* Effect.sleep(random.between(300, 2_500))
  // A service that is quicker than the load has moments without any.
  yield* Effect.timeoutOption(until(() => world.publishers.some(({ isWaiting }) => isWaiting)), "200 millis")
  const scope = yield* Effect.scope
  const recoveries: Array<Fiber.Fiber<readonly [string, number]>> = []
  let messages = 0
  const over = Effect.gen(function*() {
    const since = performance.now()
    messages = yield* underWay(world)
    for (const part of partsOf(world)) recoveries.push(yield* Effect.forkIn(recovered(part, since), scope))
  })
  const bit = yield* fault.strike(world, random, over)
  const done: Round = {
    kind: fault.kind,
    underWay: messages,
    recovery: Object.fromEntries(yield* Fiber.joinAll(recoveries)),
    bit: bit(),
  }
  return done
})

/** As many rounds, each kind as often as the others, in random order. */
export const rounds = Effect.fnUntraced(function*(
  world: World,
  faults: ReadonlyArray<Fault>,
  count: number,
  random: Random,
  told: (round: Round) => void,
) {
  const done: Array<Round> = []
  let deck: Array<Fault> = []
  while (done.length < count) {
    if (deck.length === 0) deck = [...faults]
    const [fault] = deck.splice(random.whole(0, deck.length - 1), 1)
    if (fault === undefined) break
    const last = yield* Effect.scoped(round(world, fault, random))
    told(last)
    done.push(last)
  }
  return done as ReadonlyArray<Round>
})
