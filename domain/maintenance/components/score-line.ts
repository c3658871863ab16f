/** What models share in making scores and words. */

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs
export const dayMs = 24 * hourMs

/** In straight lines between the points [x, score], x ascending; level beyond both ends. */
export const along = (points: ReadonlyArray<readonly [number, number]>, x: number): number => {
  let before = points[0]
  for (const point of points) {
    if (before === undefined) return 0
    if (x <= point[0]) {
      const span = point[0] - before[0]
      return span === 0 ? point[1] : before[1] + (point[1] - before[1]) * (x - before[0]) / span
    }
    before = point
  }
  return before?.[1] ?? 0
}

/** To so many places, and never −0. */
export const rounded = (value: number, places: number): number => {
  const steps = 10 ** places
  return Math.round(value * steps) / steps + 0
}

/** Of a time, epoch ms, in UTC. */
export const dateText = (at: number): string => new Date(at).toISOString().slice(0, 10)
export const minuteText = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ")
