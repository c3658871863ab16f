/**
 * When what was not delivered is tried again. A schedule that outlives the process: how often and since when it was
 * tried is stored, so this is a function of both, and no `Schedule`, whose step lives in memory.
 */
import type { DeliveryFailed } from "./delivery-failed.ts"

const second = 1_000
const hour = 3_600 * second

const policy = {
  first: 5 * second,
  /** Each wait is twice the one before, up to this; less where somebody may need help. */
  longest: hour,
  longestInEmergency: 60 * second,
  windows: { day: 24 * hour, hour, never: 0 },
} as const

/**
 * The next try, epoch ms; undefined where there is none. The last one falls on the window's end.
 *
 * @param attempts Tries so far, 1 or more.
 * @param random 0 to 1: a wait is half to all of its length, so that those who failed together come apart.
 */
export const nextTry = (
  { retryAfter = 0, worthTrying }: Pick<DeliveryFailed, "retryAfter" | "worthTrying">,
  { attempts, emergency, firstTriedAt, now, random }: {
    readonly attempts: number
    readonly emergency: boolean
    readonly firstTriedAt: number
    readonly now: number
    readonly random: number
  },
): number | undefined => {
  const end = firstTriedAt + policy.windows[worthTrying]
  if (now >= end) return undefined
  const longest = emergency ? policy.longestInEmergency : policy.longest
  const wait = Math.min(policy.first * 2 ** (attempts - 1), longest) * (0.5 + random / 2)
  return Math.min(now + Math.max(wait, retryAfter), end)
}
