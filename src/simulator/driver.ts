/**
 * How a vehicle is driven: a trip is a row of legs, each with a speed limit and, maybe, a stop at its end. Speed follows
 * the limit within what the driver and the vehicle can do, and brakes in time for the end of the leg.
 */
import type { Random } from "./random.ts"

export interface Leg {
  /** m. */
  readonly length: number
  /** m/s. */
  readonly limit: number
  /** At its end; 0: drives on. s. */
  readonly stopFor: number
  /** Turn at its beginning, degrees; positive is to the right. */
  readonly turn: number
}

/** Comfortable braking, and the hardest that is done, m/s². */
const braking = 1.8
export const hardestBraking = 3.5
/** How fast a difference in speed is made up for, 1/s. */
const eagerness = 0.5
const kmh = 1 / 3.6

/** The next leg; the last one of a trip ends with the vehicle standing. */
export const nextLeg = (random: Random, fast: boolean, last: boolean): Leg => {
  if (fast) {
    return {
      length: random.between(3_000, 15_000),
      limit: random.pick([100, 110, 120, 130]) * kmh,
      stopFor: last ? 1 : 0,
      turn: random.between(-30, 30),
    }
  }
  return {
    length: random.between(200, 1_200),
    limit: random.pick([30, 40, 50, 60]) * kmh,
    stopFor: last ? 1 : random.chance(0.5) ? random.between(5, 60) : 0,
    turn: random.pick([-90, 0, 0, 90]) + random.between(-10, 10),
  }
}

/**
 * The acceleration for the next moment, m/s². `remaining` is the way to the end of the leg, `exit` the speed to have
 * there.
 */
export const accelerate = (
  speed: number,
  target: number,
  remaining: number,
  exit: number,
  maxAcceleration: number,
): number => {
  // Near a stop the square root would be approached for ever; from half a metre on the driver simply brakes.
  const allowed = exit === 0 && remaining < 0.5 ? 0 : Math.sqrt(exit * exit + 2 * braking * Math.max(0, remaining))
  if (speed > allowed) {
    return -Math.min(hardestBraking, Math.max(braking, (speed * speed - exit * exit) / (2 * Math.max(remaining, 0.5))))
  }
  const wanted = (Math.min(target, allowed) - speed) * eagerness
  return Math.min(maxAcceleration, Math.max(-braking, wanted))
}
