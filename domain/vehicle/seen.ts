/**
 * Which messages a vehicle's stream holds already. Folded from the stream, so it survives restarts and lies in
 * snapshots.
 *
 * A sequenced message is known for as long as its session is among the last 32 begun; a session keeps up to 256 gaps,
 * and past that forgets its oldest interval. Other messages are known while among the last 256. A repeat from before
 * these bounds is stored again, under the event id it had the first time: better twice than lost.
 */
import type { Identity } from "./identity.ts"
import * as IntervalSet from "./interval-set.ts"

export interface Seen {
  /** The numbers seen, by session, in the order of the sessions' first use. */
  readonly sessions: ReadonlyMap<string, IntervalSet.IntervalSet>
  /** The keys of messages without a number, oldest first. */
  readonly recent: ReadonlyArray<string>
}

export const maxSessions = 32
export const maxIntervals = 257
export const maxRecent = 256

export const empty: Seen = { sessions: new Map(), recent: [] }

export const has = (seen: Seen, identity: Identity): boolean => {
  if (identity._tag === "Unique") return seen.recent.includes(identity.key)
  const numbers = seen.sessions.get(identity.session)
  return numbers !== undefined && IntervalSet.has(numbers, identity.seq)
}

export const note = (seen: Seen, identity: Identity): Seen => {
  if (identity._tag === "Unique") {
    const kept = seen.recent.length < maxRecent ? seen.recent : seen.recent.slice(1)
    return { sessions: seen.sessions, recent: [...kept, identity.key] }
  }
  const numbers = IntervalSet.add(seen.sessions.get(identity.session) ?? IntervalSet.empty, identity.seq)
  const sessions = new Map(seen.sessions)
  sessions.set(identity.session, numbers.length > 2 * maxIntervals ? numbers.slice(2) : numbers)
  if (sessions.size > maxSessions) {
    const [oldest] = sessions.keys()
    sessions.delete(oldest ?? "")
  }
  return { sessions, recent: seen.recent }
}
