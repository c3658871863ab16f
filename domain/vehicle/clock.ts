/**
 * When a vehicle's clock is not to be believed. A time too far ahead would freeze a signal until that time has come;
 * a time long past, from a clock that lost its battery, says nothing of when the reading was made.
 */
import type { Telemetry } from "./observation.ts"

/** Ahead of receipt by more than this is a fault. */
export const maxAheadMs = 5 * 60_000

/**
 * Behind receipt by more than this is a fault, unless the message is marked as reissued. Longer than a broker or a
 * Kafka topic commonly keeps messages for a service that is down (7 days), so that an outage makes no faults.
 */
export const maxBehindMs = 10 * 24 * 3_600_000

export const isFaulty = (at: number, receivedAt: number, reissued: boolean): boolean =>
  at - receivedAt > maxAheadMs || (!reissued && receivedAt - at > maxBehindMs)

/** A device time to order facts by; undefined where it cannot be believed, and the order of arrival has to do. */
export const believed = (at: number | undefined, receivedAt: number): number | undefined =>
  at === undefined || isFaulty(at, receivedAt, false) ? undefined : at

/** The faulty time of a message that is furthest from its receipt, or undefined where all can be believed. */
export const furthestFault = ({ at, readings, receivedAt, reissued }: Telemetry): number | undefined => {
  let furthest = isFaulty(at, receivedAt, reissued) ? at : undefined
  for (const reading of readings) {
    if (reading.at === at || !isFaulty(reading.at, receivedAt, reissued)) continue
    if (furthest === undefined || Math.abs(reading.at - receivedAt) > Math.abs(furthest - receivedAt)) {
      furthest = reading.at
    }
  }
  return furthest
}
