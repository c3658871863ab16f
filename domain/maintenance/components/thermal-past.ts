/**
 * What a vehicle's own past says of a temperature: a straight line in load and air outside, from running sums over
 * hours that forget slowly.
 */
import { rounded } from "./score-line.ts"

/** Weighted sums over hours: l is load in kW, a air outside and t temperature in °C. */
export type Sums = {
  readonly n: number
  readonly l: number
  readonly a: number
  readonly ll: number
  readonly la: number
  readonly aa: number
  readonly t: number
  readonly lt: number
  readonly at: number
}

export const noPast: Sums = { n: 0, l: 0, a: 0, ll: 0, la: 0, aa: 0, t: 0, lt: 0, at: 0 }

/** An hour counts for a half after so many more. */
const halfLifeHours = 1_000
const forget = 0.5 ** (1 / halfLifeHours)

export const withHour = (past: Sums, l: number, a: number, t: number): Sums => ({
  n: rounded(past.n * forget + 1, 4),
  l: rounded(past.l * forget + l, 2),
  a: rounded(past.a * forget + a, 2),
  ll: rounded(past.ll * forget + l * l, 2),
  la: rounded(past.la * forget + l * a, 2),
  aa: rounded(past.aa * forget + a * a, 2),
  t: rounded(past.t * forget + t, 2),
  lt: rounded(past.lt * forget + l * t, 2),
  at: rounded(past.at * forget + a * t, 2),
})

/** Little is known beforehand of how load and air act; so much of it, in hours, keeps a new line from running wild. */
const ridge = 5

/** The least squares line at a load and an air; undefined where the sums do not tell. */
export const expectedAt = ({ a, aa, at, l, la, ll, lt, n, t }: Sums, load: number, air: number): number | undefined => {
  const [ml, ma, mt] = [l / n, a / n, t / n]
  const sll = Math.max(0, ll / n - ml * ml) + ridge / n
  const saa = Math.max(0, aa / n - ma * ma) + ridge / n
  const sla = la / n - ml * ma
  const [slt, sat] = [lt / n - ml * mt, at / n - ma * mt]
  const det = sll * saa - sla * sla
  if (!(det > 0)) return undefined
  const byLoad = (slt * saa - sat * sla) / det
  const byAir = (sat * sll - slt * sla) / det
  const expected = mt + byLoad * (load - ml) + byAir * (air - ma)
  return Number.isFinite(expected) ? expected : undefined
}
