/**
 * Which known path someone may have meant: by spelling, else by its last name. For error messages.
 */

const longest = 160
const shortestName = 3
/** More wrong letters than this are no slip of the pen. */
const mostSlips = 3
/** A fleet that sends a wrong path sends it over and over, so answers are kept, this many at most. */
const kept = 512

const plain = (path: string): string => path.toLowerCase().replaceAll(/[^a-z0-9]/g, "")
const parts = (path: string): ReadonlyArray<string> => path.toLowerCase().split(/[./]/)

/**
 * The edit distance of `a` and `b` if it is at most `limit`, else `limit + 1`. Only the band of the table that can stay
 * within the limit is worked out: about a's length × (2 × limit + 1) steps.
 */
export const distanceWithin = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let previous = new Uint16Array(b.length + 1)
  let current = new Uint16Array(b.length + 1)
  for (let j = 0; j <= b.length; j++) previous[j] = j
  for (let i = 1; i <= a.length; i++) {
    const first = Math.max(1, i - limit)
    const last = Math.min(b.length, i + limit)
    current.fill(limit + 1)
    if (first === 1) current[0] = i
    let smallest = first === 1 ? i : limit + 1
    for (let j = first; j <= last; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1)
      // The row above ends one short of this row's last place.
      const removed = j < i + limit ? (previous[j] ?? 0) + 1 : limit + 1
      const added = (current[j - 1] ?? 0) + 1
      const cost = Math.min(replaced, removed, added)
      current[j] = cost
      if (cost < smallest) smallest = cost
    }
    if (smallest > limit) return limit + 1
    const swap = previous
    previous = current
    current = swap
  }
  return Math.min(previous[b.length] ?? 0, limit + 1)
}

/** A search over `paths`: the nearest one, or nothing where none is near. A path over 160 characters has none. */
export const nearestPath = (paths: ReadonlyArray<string>): (path: string) => string | undefined => {
  const spelled = new Map(paths.map((path) => [plain(path), path]))
  const known = paths.map((path) => ({ path, names: parts(path) }))

  const bySpelling = (path: string): string | undefined => {
    const wanted = plain(path)
    const exact = spelled.get(wanted)
    if (exact !== undefined) return exact
    let limit = Math.min(mostSlips, Math.floor(wanted.length / 4))
    let nearest: string | undefined
    for (const [spelling, original] of spelled) {
      const distance = distanceWithin(wanted, spelling, limit)
      if (distance > limit) continue
      nearest = original
      // Only a nearer one is of interest from here on.
      limit = distance - 1
    }
    return nearest
  }

  // A signal of the same name on another branch, or one whose name has it in it on a branch that is partly the same.
  const byLastName = (path: string): string | undefined => {
    const wanted = parts(path)
    const named = new Set(wanted)
    const last = wanted.at(-1) ?? ""
    let nearest: string | undefined
    let best = -Infinity
    for (const { path: candidate, names } of known) {
      const name = names.at(-1) ?? ""
      if (last.length < shortestName || !name.includes(last)) continue
      const shared = names.filter((part) => named.has(part)).length
      if (name !== last && shared < 2) continue
      // What is shared counts first, then how little else there is.
      const score = shared * longest - names.length
      if (score <= best) continue
      best = score
      nearest = candidate
    }
    return nearest
  }

  const answers = new Map<string, string | undefined>()
  return (path) => {
    if (path.length > longest) return undefined
    if (answers.has(path)) return answers.get(path)
    const answer = bySpelling(path) ?? byLastName(path)
    if (answers.size >= kept) answers.clear()
    answers.set(path, answer)
    return answer
  }
}
