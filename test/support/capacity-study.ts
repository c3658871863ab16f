/** The capacity model judged on simulated packs, each at several ages. */
import { batteryCapacity } from "../../domain/maintenance/components/battery-capacity.ts"
import { minConfidence } from "../../domain/maintenance/model.ts"
import { type ChargeSettings, drive, packOf, timeAfter } from "./pack-cycles.ts"

export interface Judgement {
  readonly basis: "new" | "maker" | "seen"
  /** Years since it was first heard of. */
  readonly age: number
  /** Percent; where the model can only compare with the pack when first seen, so does this. */
  readonly truth: number
  readonly said: number
  readonly sigma: number
  /** Days until 80 %, and what was said of them. */
  readonly truthRemaining: number
  readonly remaining: { readonly days: number; readonly low: number; readonly high: number | null } | undefined
}

export interface StudySettings extends ChargeSettings {
  readonly packs: number
  readonly seed: number
  readonly years: number
  readonly everyYears: number
}

export const judge = ({ everyYears, packs, seed, years, ...settings }: StudySettings): ReadonlyArray<Judgement> => {
  const judgements: Array<Judgement> = []
  for (let i = 0; i < packs; i++) {
    const pack = packOf(seed + i)
    let state = batteryCapacity.initial
    let due = pack.years + everyYears
    drive(pack, years, settings, (observed, now) => {
      for (; now > due; due += everyYears) {
        const assessment = batteryCapacity.assess(state, timeAfter(due))
        const { health } = state
        if (assessment === undefined || health === null || assessment.confidence < minConfidence) continue
        const { basis, percent: said, sigma } = health
        const asSeen = basis === "seen" ? pack.health(pack.years + quarterYears / 2) : 1
        const { remaining } = assessment
        const truth = (100 * pack.health(due)) / asSeen
        judgements.push({ basis, age: due - pack.years, truth, said, sigma, truthRemaining: until80(pack, due), remaining })
      }
      state = batteryCapacity.evolve(state, observed)
    })
  }
  return judgements
}

const quarterYears = 0.25

const until80 = (pack: ReturnType<typeof packOf>, from: number): number => {
  let days = 0
  while (days < 30 * 365 && pack.health(from + days / 365.25) > 0.8) days += 5
  return days
}

export const figuresOf = (judgements: ReadonlyArray<Judgement>) => {
  const mean = (of: (one: Judgement) => number) =>
    judgements.reduce((sum, one) => sum + of(one), 0) / judgements.length
  return {
    count: judgements.length,
    meanAbsolute: mean(({ said, truth }) => Math.abs(said - truth)),
    rootMeanSquare: Math.sqrt(mean(({ said, truth }) => (said - truth) ** 2)),
    bias: mean(({ said, truth }) => said - truth),
    /** Share of the 90 % intervals that hold the truth. */
    coverage: mean(({ said, sigma, truth }) => Math.abs(said - truth) <= 1.645 * sigma ? 1 : 0),
    worst: Math.max(...judgements.map(({ said, truth }) => Math.abs(said - truth))),
  }
}
