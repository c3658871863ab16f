/** Has the fleet's units take their samples when these are due, and hands what they say to their links. */
import type { Link } from "./link.ts"
import type { NdjsonFile } from "./ndjson-file.ts"
import type { Output } from "./telematics-unit.ts"

interface Pace {
  readonly vehicles: number
  readonly rate: number
  readonly speed: number
  /** Epoch ms of the simulated world. */
  readonly start: number
}

/** Samples taken before the connections get their turn. */
const mostAtOnce = 500

export class Sampler {
  samples = 0
  private readonly links: ReadonlyArray<Link>
  private readonly labels: NdjsonFile
  private readonly pace: Pace
  /** Samples taken over each link, its units in turn. */
  private readonly taken: Array<number>
  /** The link to go on with. */
  private next = 0
  private readonly output: Output = { transmissions: [], labels: [] }

  constructor(links: ReadonlyArray<Link>, labels: NdjsonFile, pace: Pace) {
    this.links = links
    this.labels = labels
    this.pace = pace
    this.taken = links.map(() => 0)
  }

  /**
   * Takes the fleet's first `due` samples, so far as they were not taken yet and their links have room. True: it did
   * not get to the end of them, and there may be more to do right away.
   */
  sampleDue(due: number): boolean {
    let left = mostAtOnce
    for (let i = 0; i < this.links.length; i++) {
      left = this.sampleOver(this.next, due, left)
      if (left === 0) return true
      this.next = (this.next + 1) % this.links.length
    }
    return false
  }

  leave(): void {
    for (const link of this.links) {
      for (const unit of link.units) unit.leave(this.output)
      this.passOn(link)
    }
  }

  private sampleOver(index: number, due: number, most: number): number {
    const link = this.links[index]
    let left = most
    if (link === undefined) return left
    while (link.hasRoom && left > 0) {
      const taken = this.taken[index] ?? 0
      const unit = link.units[taken % link.units.length]
      if (unit === undefined) break
      const { vehicles, rate, speed, start } = this.pace
      const n = Math.floor(taken / link.units.length) * vehicles + unit.index
      if (n >= due) break
      unit.sample(start + (n * 1_000 * speed) / rate, this.output)
      this.passOn(link)
      this.taken[index] = taken + 1
      this.samples++
      left--
    }
    return left
  }

  private passOn(link: Link): void {
    link.send(this.output.transmissions)
    for (const label of this.output.labels) this.labels.write(label)
    this.output.transmissions.length = 0
    this.output.labels.length = 0
  }
}
