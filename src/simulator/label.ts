import type { Origin } from "./vehicle-model.ts"

/** What really went wrong, to compare with what a service found: a line of the label file. */
export interface Label {
  readonly vehicle: string
  readonly kind:
    | "offline" | "duplicate" | "clock-ahead" | "clock-behind" | "reboot" | "bad-payload" | "trouble-code"
    | "service-due" | "tyre-leak" | "weak-low-voltage-battery" | "worn-brake-pads" | "low-insulation"
  /** Simulated time, whatever the vehicle's own clock said; of the first and the last sample that it concerns. */
  readonly from: string
  readonly to: string
  readonly details: { readonly [name: string]: string | number | boolean | null }
}

/** What is wrong with a vehicle from the start. */
export const labelsOf = (vehicle: string, origin: Origin, at: string): ReadonlyArray<Label> => {
  const labels: Array<Label> = []
  const label = (kind: Label["kind"], details: Label["details"]) =>
    labels.push({ vehicle, kind, from: at, to: at, details })
  if (origin.leak > 0) label("tyre-leak", { wheel: "Row2.Right", kPaPerHour: Math.round(origin.leak) })
  if (origin.lowVoltageSag > 0) {
    label("weak-low-voltage-battery", { sagVolts: Math.round(origin.lowVoltageSag * 100) / 100 })
  }
  if (origin.padWear[0] > 85) label("worn-brake-pads", { axle: "front", percent: Math.round(origin.padWear[0]) })
  if (origin.insulation < 200) label("low-insulation", { kiloohm: Math.round(origin.insulation) })
  return labels
}
