/** All that a vehicle's actor folds from its stream: the twin, and what it must remember to decide. */
import * as Clock from "./clock.ts"
import type { EventOf, VehicleEvent } from "./events.ts"
import * as Identity from "./identity.ts"
import * as Seen from "./seen.ts"
import * as Twin from "./twin.ts"

export interface State {
  readonly twin: Twin.Twin
  readonly seen: Seen.Seen
  /** The last sessions the vehicle was online with, oldest first. */
  readonly sessions: ReadonlyArray<string>
  /** Device time (epoch ms) of each trouble code's last change, where it can be believed; the newest change last. */
  readonly codeChanges: ReadonlyMap<string, number>
}

export const maxSessions = 16
/** A late word on a code is known to be late while the code is among so many changed last. */
export const maxCodeChanges = 256

export const initial = (vin: string): State => ({
  twin: Twin.initial(vin),
  seen: Seen.empty,
  sessions: [],
  codeChanges: new Map(),
})

export const evolve = (state: State, event: VehicleEvent, revision: number): State => {
  const { identity } = event.metadata
  return {
    twin: Twin.evolve(state.twin, event, revision),
    seen: identity === undefined ? state.seen : noteSeen(state.seen, identity),
    sessions: event.type === "VehicleConnected" ? withSession(state.sessions, event.data.session) : state.sessions,
    codeChanges: event.type === "TroubleCodeRaised" || event.type === "TroubleCodeCleared"
      ? withChange(state.codeChanges, event)
      : state.codeChanges,
  }
}

/** A message may make several events, all with its identity. */
const noteSeen = (seen: Seen.Seen, text: string): Seen.Seen => {
  const identity = Identity.fromText(text)
  return Seen.has(seen, identity) ? seen : Seen.note(seen, identity)
}

const withSession = (sessions: ReadonlyArray<string>, session: string): ReadonlyArray<string> =>
  [...sessions.filter((known) => known !== session), session].slice(-maxSessions)

const withChange = (
  changes: State["codeChanges"],
  { data, metadata }: EventOf<"TroubleCodeRaised" | "TroubleCodeCleared">,
): State["codeChanges"] => {
  const key = Twin.troubleCodeKey(data)
  const at = Clock.believed(Date.parse(data.at), Date.parse(metadata.receivedAt))
  const next = new Map(changes)
  next.delete(key)
  if (at !== undefined) next.set(key, at)
  if (next.size > maxCodeChanges) {
    const [oldest] = next.keys()
    next.delete(oldest ?? "")
  }
  return next
}
