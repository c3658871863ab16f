/**
 * Seeded pseudo-random numbers: the same seed and name, the same sequence, on every machine. The generator is sfc32 of
 * PractRand (128 bits of state): fast, and good enough for a simulation. Nothing secret may rest on it.
 */
export interface Random {
  /** From 0 up to, but not including, 1. */
  readonly next: () => number
  readonly between: (min: number, max: number) => number
  /** A whole number from `min` to `max`, both included. */
  readonly whole: (min: number, max: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <const A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
}

/** A generator of its own for every name under a seed, so that one consumer's draws never shift another's. */
export const make = (seed: number, name: string): Random => {
  let a = fnv1a(`${seed}`, 0x811c9dc5)
  let b = fnv1a(name, a)
  let c = fnv1a(name, ~b)
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter++) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum | 0
    return (sum >>> 0) / 2 ** 32
  }
  // Seeds that differ little start alike; their sequences part within a few steps.
  for (let i = 0; i < 15; i++) next()
  const whole = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    whole,
    between: (min, max) => min + next() * (max - min),
    chance: (probability) => next() < probability,
    pick: (choices) => choices[whole(0, choices.length - 1)] ?? choices[0],
  }
}

const fnv1a = (text: string, basis: number): number => {
  let hash = basis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}
