/** A vehicle's dead letter, from the log to the fold: that there was one is all that is counted. */
import type { Stored } from "../domain/vehicle/record.ts"

export interface LetterRecord {
  readonly _tag: "Letter"
  readonly vin: string
  /** Opaque; ordered as strings are. */
  readonly position: string
  /** Epoch ms. */
  readonly receivedAt: number
}

export const letterType = "DeadLettered"

/** Undefined for a letter that names no vehicle. */
export const decodeLetter = ({ data, metadata, position }: Stored): LetterRecord | undefined => {
  const { vin } = data
  const receivedAt = Date.parse(String(metadata["receivedAt"]))
  if (typeof vin !== "string" || Number.isNaN(receivedAt)) return undefined
  return { _tag: "Letter", vin, position, receivedAt }
}
