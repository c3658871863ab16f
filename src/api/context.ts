/** What every resolver has. Services are captured once; loaders and the signal belong to a request. */
import { Clock, Context, Deferred, Effect, Exit, Stream } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { DeadLetterOffice } from "../deadletters/dead-letter-office.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { LiveUpdates } from "../live/live-updates.ts"
import { Alerts } from "../maintenance/alerts.ts"
import type { Notifications } from "../notify/notifications.ts"
import type { NotificationRules } from "../notify/rules.ts"
import { ReadModel } from "../readmodel/read-model.ts"
import type { Past } from "../vehicles/past.ts"
import { Vehicles } from "../vehicles/vehicles.ts"
import { fromCause, type Log } from "./errors.ts"
import * as Loaders from "./loaders.ts"

export type ApiServices =
  | ReadModel
  | EventStore
  | Vehicles
  | Past
  | Alerts
  | LiveUpdates
  | DeadLetterOffice
  | NotificationRules
  | Notifications

export interface ApiContext {
  readonly catalogue: Catalogue
  readonly loaders: Loaders.Loaders
  /** Epoch ms. */
  readonly now: () => number
  /** Ends with the request. Rejects with an error that may be told as it is. */
  readonly run: <A, E>(effect: Effect.Effect<A, E, ApiServices>) => Promise<A>
  /** Ends when the service stops; a failure is thrown as an error that may be told as it is. */
  readonly iterate: <A, E>(stream: Stream.Stream<A, E, ApiServices>) => AsyncIterable<A>
}

export interface Captured {
  readonly services: Context.Context<ApiServices>
  readonly catalogue: Catalogue
  /** Done when the service stops. */
  readonly stopping: Deferred.Deferred<void>
  readonly log: Log
}

/** Who asks, and what they may see, will be settled here, from the request. */
export const make = (captured: Captured, signal: AbortSignal): ApiContext => {
  const { services, catalogue, log } = captured
  const runExit = Effect.runPromiseExitWith(services)
  const clock = Context.get(services, Clock.Clock)
  const run: ApiContext["run"] = async (effect) => {
    const exit = await runExit(effect, { signal })
    if (Exit.isSuccess(exit)) return exit.value
    throw fromCause(exit.cause, log)
  }
  return {
    catalogue,
    loaders: Loaders.make(run),
    now: () => clock.currentTimeMillisUnsafe(),
    run,
    iterate: (stream) => iterate(captured, stream),
  }
}

const iterate = <A, E>({ services, stopping, log }: Captured, stream: Stream.Stream<A, E, ApiServices>) =>
  stream.pipe(
    Stream.catchCause((cause) => Stream.die(fromCause(cause, log))),
    Stream.interruptWhen(Deferred.await(stopping)),
    Stream.toAsyncIterableWith(services),
  )
