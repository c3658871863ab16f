/** How an axle's brake pads fare, in words, and how long they last. */
import type { Evidence } from "../alerts/alert-events.ts"
import { type BrakePadsState, levelOf } from "./brake-pads-state.ts"
import type { Assessment } from "../model.ts"
import { dateText, dayMs, rounded } from "./score-line.ts"

export const raiseAt = 15
const wornScore = 5
const staleMs = 60 * dayMs
/** Pads last 30,000 to 70,000 km; at about 0.12 MJ braked away a km and tonne in mixed driving, 50,000 km are this. */
const commonLife = 6_000

/** By how much the wear grows with each MJ, and what is braked away in a day: how long it takes to 100 %. */
const remainingOf = ({ braked: { energy }, marks, rate }: BrakePadsState, level: number, at: number) => {
  const first = marks[0]
  const last = marks.at(-1)
  if (first === undefined || last === undefined || rate === null || rate.likely <= 0) return undefined
  const days = (at - first[2]) / dayMs
  const daily = days < 7 ? 0 : (energy - first[0]) / days
  if (daily <= 0) return undefined
  const left = Math.max(0, 100 - level)
  const daysAt = (perMj: number) => left / perMj / daily
  const km = first[3] !== null && last[3] !== null && last[1] > first[1]
    ? left * (last[3] - first[3]) / (last[1] - first[1])
    : undefined
  return {
    remaining: {
      days: daysAt(rate.likely),
      low: daysAt(Math.max(rate.high, rate.likely)),
      high: rate.low > 0 ? daysAt(Math.min(rate.low, rate.likely)) : null,
    },
    evidence: {
      text: `${rounded(rate.likely * 100, 2)} % of wear for each 100 MJ a tonne braked away, ` +
        `${rounded(daily, 1)} MJ a day since ${dateText(first[2])}` +
        (km === undefined ? "" : `; about ${Math.round(km)} km remain at this rate`),
      events: [],
    } satisfies Evidence,
  }
}

/** Of the pads of this name. Nothing is said of a wear that was read too seldom yet. */
export const assessOf = (name: string) => (state: BrakePadsState, at: number): Assessment | undefined => {
  const level = levelOf(state)
  if (level === undefined) return state.toldAt === 0 ? guessed(state, name) : told(state, name, at)
  const { isWorn, toldEvent, wearAt, wearEvent } = state
  const score = Math.min(100 - level, isWorn ? wornScore : 100)
  const outlook = remainingOf(state, level, wearAt)
  const evidence: Array<Evidence> = [
    { text: `Worn to ${rounded(level, 1)} % on ${dateText(wearAt)}`, events: [wearEvent] },
  ]
  if (isWorn) evidence.push({ text: saysWorn, events: [toldEvent] })
  if (outlook !== undefined) evidence.push(outlook.evidence)
  return {
    score,
    confidence: at - wearAt > staleMs ? 0.3 : 0.9,
    evidence,
    ...doing(score),
    summary: `${name} are worn to ${rounded(level, 0)} %`,
    ...(outlook !== undefined && { remaining: outlook.remaining }),
  }
}

const saysWorn = "The car says: brake pads worn"

const doing = (score: number): Pick<Assessment, "urgency" | "recommendedAction"> =>
  score <= wornScore
    ? { urgency: "service_soon", recommendedAction: "Replace the pads now" }
    : { urgency: "drive_on", recommendedAction: score <= raiseAt ? "Order pads and plan their replacement" : "None" }

/** By the car's word alone. */
const told = ({ contradictions, isWorn, toldAt, toldEvent }: BrakePadsState, name: string, at: number): Assessment => {
  const isStale = at - toldAt > staleMs
  const score = isWorn ? wornScore : 100
  if (isWorn) {
    return {
      score,
      confidence: isStale ? 0.3 : 0.9,
      evidence: [{ text: saysWorn, events: [toldEvent] }],
      ...doing(score),
      summary: `${name} are worn, says the car`,
    }
  }
  const isDoubted = contradictions > 0
  return {
    score,
    confidence: isStale || isDoubted ? 0.3 : 0.6,
    evidence: [{
      text: isDoubted ? `${saysWorn}, but not for long enough to be sure` : "The car says: not worn",
      events: [toldEvent],
    }],
    ...doing(score),
    summary: isDoubted ? `${name} may be worn, says the car` : `${name} are not worn, says the car`,
  }
}

/** Only where there is no sensor: one that has told too little yet will tell more. */
const guessed = (state: BrakePadsState, name: string): Assessment | undefined => {
  const { braked: { energy, from }, replacedAt, wear } = state
  if (replacedAt === 0 || from === 0 || wear.length > 0) return undefined
  const share = Math.min(1, energy / commonLife)
  return {
    score: 100 - 80 * share,
    confidence: 0.2,
    evidence: [{
      text: `No sensor: ${rounded(energy, 0)} MJ a tonne braked away since ${dateText(replacedAt)}, ` +
        `of about ${commonLife} that pads commonly last`,
      events: [],
    }],
    urgency: "drive_on",
    recommendedAction: "Have the pads measured at the next service",
    summary: `${name} are worn to about ${Math.round(100 * share)} %, by the energy braked away`,
  }
}
