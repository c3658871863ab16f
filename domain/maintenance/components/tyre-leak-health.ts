/** How a tyre fares, in words. */
import type { Assessment } from "../model.ts"
import { along, dateText, dayMs, minuteText, rounded } from "./score-line.ts"
import { levelOf, lowLineOf, lowSamples, lowShare, type TyreLeakState, usualOf, wellShare } from "./tyre-leak-state.ts"
import { natural } from "./tyre-loss.ts"

export const raiseAt = 40
/** kPa a day that is surely more than goes through the rubber. */
const leakAt = 0.6
const severeLeak = 10
const veryLowShare = 0.7
const staleMs = 7 * dayMs

const tenth = (value: number): number => rounded(value, 1)

const byLoss = [[natural, 100], [leakAt, raiseAt], [severeLeak, 15]] as const
const byShare = [[veryLowShare - 0.1, 0], [veryLowShare, 15], [lowShare, raiseAt], [wellShare, 100]] as const

/** Of the tyre of this name. */
export const assessOf = (name: string) => (state: TyreLeakState, at: number): Assessment | undefined => {
  const { days, event, kPa, loss, low } = state
  const level = levelOf(state)
  if (level === undefined) return undefined
  const usual = usualOf(state) ?? level
  const isStale = at - state.at > staleMs
  if (low !== null && low.samples >= lowSamples) {
    const share = kPa / usual * Math.min(1, lowShare * usual / lowLineOf(usual))
    const isVeryLow = low.fast || share <= veryLowShare
    return {
      score: Math.min(along(byShare, share), low.fast ? 10 : 100, along(byLoss, loss?.sure ?? 0)),
      confidence: isStale ? 0.3 : 0.9,
      evidence: [{
        text: `${tenth(kPa)} kPa at 20 °C on ${minuteText(state.at)}; usually filled to ${tenth(usual)} kPa. ` +
          `Low since ${minuteText(low.since)}${low.fast ? ", well filled less than an hour before" : ""}`,
        events: low.event === event ? [event] : [low.event, event],
      }],
      urgency: isVeryLow ? "stop" : "service_soon",
      recommendedAction: isVeryLow
        ? "Stop where it is safe; change or repair the tyre before driving on"
        : "Fill the tyre up today and look for a leak",
      summary: `${name} is at ${Math.round(share * 100)} % of its usual pressure`,
      remaining: { days: 0, low: 0, high: 0 },
    }
  }
  const toLow = Math.max(0, level - lowLineOf(usual))
  const isLeaking = loss !== null && loss.sure >= leakAt
  const known = days.length
  return {
    score: loss === null ? 100 : along(byLoss, loss.sure),
    confidence: isStale || loss === null ? 0.3 : Math.min(0.9, 0.4 + 0.05 * known),
    evidence: loss === null
      ? [{ text: `${tenth(level)} kPa at 20 °C; too few days are known for a trend`, events: [event] }]
      : [{
        text: `${tenth(level)} kPa at 20 °C on ${dateText(state.at)}; since ${dateText(loss.from * dayMs)} ` +
          `${loss.likely >= 0 ? "lost" : "gained"} ${Math.abs(loss.likely)} kPa a day ` +
          `(nine in ten: ${loss.low} to ${loss.high}), at least ${loss.sure} of it not by weather or age`,
        events: [event],
      }],
    urgency: isLeaking && toLow <= 2 * loss.likely ? "service_soon" : "drive_on",
    recommendedAction: isLeaking ? "Have the tyre, valve and rim looked at for a leak within days" : "None",
    summary: isLeaking ? `${name} loses ${loss.likely} kPa a day` : `${name} holds its pressure`,
    ...(isLeaking && loss.likely > 0 && {
      remaining: {
        days: toLow / loss.likely,
        low: toLow / Math.max(loss.high, loss.likely),
        high: loss.low > 0 ? toLow / Math.min(loss.low, loss.likely) : null,
      },
    }),
  }
}
