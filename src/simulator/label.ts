/** What really went wrong, to compare with what a service found: a line of the label file. */
export interface Label {
  readonly vehicle: string
  readonly kind:
    | "offline" | "duplicate" | "clock-ahead" | "clock-behind" | "reboot" | "bad-payload" | "trouble-code"
    | "service-due" | "tyre-leak" | "weak-low-voltage-battery"
  /** Simulated time, whatever the vehicle's own clock said; of the first and the last sample that it concerns. */
  readonly from: string
  readonly to: string
  readonly details: { readonly [name: string]: string | number | boolean | null }
}
