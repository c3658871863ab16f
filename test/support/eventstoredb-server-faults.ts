/** What shall go wrong with the appends that follow. */
import type { ExpectedRevision } from "./eventstoredb-server-log.ts"

export type Fault =
  /** The connection is cut as the append begins to come in. Nothing is written. */
  | { readonly _tag: "DropBeforeAppend" }
  /** The connection is cut after the first message with events came in. Nothing is written. */
  | { readonly _tag: "DropDuringAppend" }
  /** Written; then the connection is cut before the answer. */
  | { readonly _tag: "LoseAnswer" }
  /** Answered as a wrong expected version though it would have passed. Waits for an append that expects something. */
  | { readonly _tag: "Conflict" }
  | { readonly _tag: "NotLeader" }
  /** The server's own write time-out: written or not, alternating, beginning with written. */
  | { readonly _tag: "Timeout" }
  /** Written, and answered, so much later. */
  | { readonly _tag: "Delay"; readonly millis: number }

export interface Faults {
  readonly add: (fault: Fault) => void
  /** The fault of an append, if one waits. */
  readonly take: (expected: ExpectedRevision) => Fault | undefined
}

export const makeFaults = (): Faults => {
  const waiting: Array<Fault> = []
  return {
    add: (fault) => {
      waiting.push(fault)
    },
    take: (expected) => {
      const index = waiting.findIndex((fault) => fault._tag !== "Conflict" || expected !== "any")
      return index < 0 ? undefined : waiting.splice(index, 1)[0]
    },
  }
}
