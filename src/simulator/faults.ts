/**
 * What goes wrong with a vehicle's messages, planned from its seed. Times are counted in samples, so that a fleet has
 * the same share of faults whatever its rate.
 */
import type { Random } from "./random.ts"

export const flaws = ["not-json", "unknown-path", "wrong-type", "out-of-range", "bad-vin-topic"] as const
/** `not-json` and `bad-vin-topic` are messages of their own; the others spoil one reading of a good one. */
export type Flaw = (typeof flaws)[number]

export interface TroubleCode {
  readonly code: string
  readonly severity: "info" | "warning" | "critical"
  readonly ecu: string
  readonly text: string
}

/** From the sample numbered `from` up to the one before `to`. */
interface Spell {
  readonly from: number
  readonly to: number
}

export type Fault =
  /** The connection is lost; samples are kept and come later, marked as reissued. */
  | (Spell & { readonly kind: "offline" })
  /** The vehicle's clock is off. */
  | (Spell & { readonly kind: "clock"; readonly offsetMs: number })
  /** The sample is sent twice. */
  | (Spell & { readonly kind: "duplicate" })
  /** The telematics unit starts anew: another session, its count from `firstSeq`. */
  | (Spell & { readonly kind: "reboot"; readonly firstSeq: 0 | 1 })
  | (Spell & { readonly kind: "bad-payload"; readonly flaw: Flaw })

export type CodeSpell = Spell & { readonly code: TroubleCode }

/** Whether the vehicle has such faults at all. */
export const isFaulty = (random: Random): boolean => random.chance(0.5)

/** One fault after the other, without end; they do not overlap. */
export const planFaults = (random: Random): () => Fault => {
  let free = 0
  return () => {
    const from = free + random.whole(3, 60)
    const fault = draw(random, from)
    free = fault.to + 1
    return fault
  }
}

/** Trouble codes, raised and cleared, one at a time; they are independent of the other faults. */
export const planCodes = (random: Random): () => CodeSpell => {
  let free = 0
  return () => {
    const from = free + random.whole(10, 200)
    free = from + random.whole(20, 150)
    return { from, to: free, code: random.pick(troubleCodes) }
  }
}

const second = 1_000
const hour = 3_600 * second
const day = 24 * hour

// The smallest ones are within what a service will tolerate, the largest what a clock does that lost its battery.
const clockOffsets = [
  10 * 60 * second, 2 * hour, day, 3 * 365 * day,
  -10 * 60 * second, -6 * hour, -30 * day, -5 * 365 * day,
] as const

const draw = (random: Random, from: number): Fault => {
  const once = { from, to: from + 1 }
  switch (random.pick(["offline", "offline", "duplicate", "duplicate", "clock", "reboot", "bad-payload"])) {
    case "offline":
      return { kind: "offline", from, to: from + random.whole(4, 40) }
    case "clock":
      return { kind: "clock", from, to: from + random.whole(3, 20), offsetMs: random.pick(clockOffsets) }
    case "duplicate":
      return { kind: "duplicate", ...once }
    case "reboot":
      return { kind: "reboot", ...once, firstSeq: random.pick([0, 1]) }
    case "bad-payload":
      return { kind: "bad-payload", ...once, flaw: random.pick(flaws) }
  }
}

/** SAE J2012; texts in this project's words. */
const troubleCodes: readonly [TroubleCode, ...ReadonlyArray<TroubleCode>] = [
  { code: "P0A80", severity: "critical", ecu: "BMS", text: "Traction battery worn out" },
  { code: "P0A94", severity: "warning", ecu: "DCDC", text: "DC-DC converter performance" },
  { code: "P0562", severity: "warning", ecu: "BCM", text: "12 V supply voltage low" },
  { code: "C0035", severity: "warning", ecu: "ABS", text: "Wheel speed sensor, front left" },
  { code: "B1676", severity: "info", ecu: "BCM", text: "Supply voltage out of range" },
  { code: "U0100", severity: "critical", ecu: "GW", text: "No messages from the drive control unit" },
]
