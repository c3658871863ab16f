import type { Observation } from "../vehicle/observation.ts"
import type { Source } from "../vehicle/events.ts"
import type { Vin } from "../vehicle/vin.ts"
import type { Rejection } from "./rejection.ts"

/** A message as a broker hands it over. */
export interface Message {
  readonly vin: Vin
  readonly payload: Uint8Array
  /** Epoch ms. */
  readonly receivedAt: number
  readonly source: Source
}

/** What a codec makes of a message: never nothing at all. */
export interface Decoded {
  readonly observations: ReadonlyArray<Observation>
  readonly rejections: ReadonlyArray<Rejection>
}
