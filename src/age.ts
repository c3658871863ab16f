/** Ages, as settings and commands take them: `48h`, `90d`, `12w`. */
const units = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const

/** Milliseconds; undefined where the text is no age. */
export const ageIn = (text: string): number | undefined => {
  const [, count, unit] = /^(\d{1,6})([hdw])$/.exec(text) ?? []
  return unit === "h" || unit === "d" || unit === "w" ? Number(count) * units[unit] : undefined
}
