/** What a batch of records comes to for the alerts' decider, by vehicle: emergencies first, with what helps who helps. */
import { Cause, Effect } from "effect"
import type { Assess, Command } from "../../domain/maintenance/alerts/alert.ts"
import type { Observed } from "../../domain/maintenance/model.ts"
import { situationOf } from "../../domain/maintenance/components/situation.ts"
import type { Past } from "../vehicles/past.ts"
import type { VehicleWatch } from "./vehicle-watch.ts"

/** An emergency waits so long for the vehicle's last state, and is told without it then. */
const situationWithin = "300 millis"

export interface News {
  readonly watch: VehicleWatch
  readonly commands: Array<Command>
  /** Those of them that are for rescue, with the records that they come of. */
  readonly emergencies: Map<Command, Observed>
}

/** By VIN. */
export type Told = Map<string, News>

/** `observed` is what the news are of, where that is no deadline. */
export const note = (told: Told, watch: VehicleWatch, commands: ReadonlyArray<Command>, observed?: Observed): void => {
  const known: News = told.get(watch.vin) ?? { watch, commands: [], emergencies: new Map() }
  told.set(watch.vin, known)
  known.commands.push(...commands)
  if (observed === undefined) return
  for (const command of commands) if (isEmergency(command)) known.emergencies.set(command, observed)
}

const isEmergency = (command: Command): command is Assess =>
  command._tag === "Assess" && command.model.emergency === true && command.assessment.score <= command.model.raiseAt

/** Nobody who needs help waits for pads that are worn. */
export const emergenciesFirst = (told: Told): ReadonlyArray<News> =>
  [...told.values()].toSorted((a, b) => Math.sign(b.emergencies.size) - Math.sign(a.emergencies.size))

export const commandsOf = (
  past: Past["Service"],
  { commands, emergencies, watch: { vin } }: News,
): Effect.Effect<ReadonlyArray<Command>> =>
  Effect.forEach(commands, (command) => {
    const observed = emergencies.get(command)
    return observed === undefined || !isEmergency(command)
      ? Effect.succeed(command)
      : withSituation(past, vin, command, observed)
  })

/** The vehicle as it was known when the news of it came, whatever has come since. */
const withSituation = (past: Past["Service"], vin: string, command: Assess, observed: Observed) =>
  past.asOf(vin, observed.receivedAt).pipe(
    Effect.timeout(situationWithin),
    // Whatever is wrong with the vehicle's past, also a defect, keeps back no help.
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const warning = Effect.logWarning(`An emergency of vehicle ${vin} is told without its last state`, cause)
      return Effect.as(warning, undefined)
    }),
    Effect.map((twin): Command => {
      const occurredAt = command.assessment.occurredAt ?? observed.at
      return { ...command, situation: situationOf(occurredAt, observed, twin) }
    }),
  )
