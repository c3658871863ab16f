/** Why a message, or one reading of it, did not become an observation. */

export type RejectionReason =
  | "topic" | "vin" | "json" | "shape" | "version" | "time" | "path" | "type" | "range" | "too_large"

export interface Rejection {
  readonly reason: RejectionReason
  /** What is wrong, where, and what was expected. */
  readonly message: string
  /** The signal, where one reading alone is rejected and the rest of its message is kept. */
  readonly path?: string
}
