/**
 * One subscriber to vehicles' changes: what it was told, and what it is yet to be told. A change that comes before the
 * last one was taken is merged with it, so that a slow reader gets each signal's latest value, once.
 */
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { SignalState, Twin } from "../../domain/vehicle/twin.ts"
import type { VehicleRow } from "../../projections/vehicles.ts"
import type { Position } from "../eventstore/position.ts"
import { Backlog } from "./backlog.ts"
import type { PathFilter } from "./path-filter.ts"
import { isNews } from "./thinning.ts"

/** A batch's change of one vehicle, worked out once for all subscribers. */
export interface Changed {
  readonly row: VehicleRow
  readonly signals: ReadonlyArray<readonly [path: string, state: SignalState]>
  /** More than signals: presence, trouble codes, description, a service. */
  readonly more: boolean
}

export interface VehicleChange {
  /** Resume after this and nothing is missed; what was told may come again. */
  readonly position: Position
  readonly twin: Twin
  readonly signals: ReadonlyMap<string, SignalState>
  /** Something between this and what was told before was passed over. */
  readonly lagged: boolean
}

interface Pending {
  row: VehicleRow
  more: boolean
  lagged: boolean
  readonly signals: Map<string, SignalState>
}

interface Told {
  revision: number
  readonly signals: Map<string, SignalState>
}

export const changed = (before: VehicleRow | undefined, after: VehicleRow): Changed => {
  const revision = before?.revision ?? -1
  const signals = Object.entries(after.twin.signals).filter(([, state]) => state.revision > revision)
  return { row: after, signals, more: before === undefined || changedMore(before.twin, after.twin, signals.length) }
}

/** A fold keeps what it leaves alone, so identity tells. What moves nothing but the last contact is no change. */
const changedMore = (before: Twin, after: Twin, signals: number): boolean =>
  before.online !== after.online ||
  before.silence !== after.silence ||
  before.troubleCodes !== after.troubleCodes ||
  before.description !== after.description ||
  before.clockOffsetMs !== after.clockOffsetMs ||
  before.registeredAt !== after.registeredAt ||
  (signals === 0 && before.lastSeenAt === after.lastSeenAt)

export class VehicleSubscriber {
  readonly backlog: Backlog<Pending>
  readonly #capacity: number
  readonly #catalogue: Catalogue
  readonly #wants: PathFilter
  readonly #wantsMore: boolean
  /** Of the vehicles told last, as many as may wait: what is forgotten is told anew, without thinning. */
  readonly #told = new Map<string, Told>()
  #position: Position

  constructor(options: {
    readonly catalogue: Catalogue
    readonly wants: PathFilter
    /** Whether changes beyond signals are told too. */
    readonly wantsMore: boolean
    readonly position: Position
    readonly capacity: number
  }) {
    this.#catalogue = options.catalogue
    this.#wants = options.wants
    this.#wantsMore = options.wantsMore
    this.#position = options.position
    this.#capacity = options.capacity
    this.backlog = new Backlog(options.capacity)
  }

  /** Takes in a change, and answers how many signals were too little changed to be told. */
  offer({ row, signals, more }: Changed, since: Position): number {
    const told = this.#told.get(row.vin)
    if (told !== undefined && row.revision <= told.revision) return 0
    const waiting = this.backlog.get(row.vin)
    const pending = waiting ?? { row, more: false, lagged: false, signals: new Map<string, SignalState>() }
    let passedOver = 0
    for (const [path, state] of signals) {
      if (!this.#wants(path) || (told !== undefined && state.revision <= told.revision)) continue
      if (pending.signals.has(path)) pending.lagged = true
      else if (!isNews(told?.signals.get(path), state, this.#catalogue.get(path))) {
        passedOver++
        continue
      }
      pending.signals.set(path, state)
    }
    if (more && this.#wantsMore) {
      if (pending.more) pending.lagged = true
      pending.more = true
    }
    pending.row = row
    if (waiting === undefined && (pending.more || pending.signals.size > 0)) this.backlog.put(row.vin, since, pending)
    return passedOver
  }

  /** The next change, if one waits. `upTo` is the position up to which changes were offered. */
  take(upTo: Position): VehicleChange | undefined {
    for (let pending = this.backlog.shift(); pending !== undefined; pending = this.backlog.shift()) {
      const { row, signals, lagged, more } = pending
      const told = this.#told.get(row.vin)
      // The read model may have told this, or some of it, while it waited.
      if (told !== undefined) {
        if (row.revision <= told.revision) continue
        for (const [path, state] of signals) if (state.revision <= told.revision) signals.delete(path)
        if (signals.size === 0 && !more) continue
      }
      this.#advance(this.backlog.oldest ?? upTo)
      this.#remember(row, signals)
      return { position: this.#position, twin: row.twin, signals, lagged }
    }
    return undefined
  }

  /**
   * A vehicle as read from the read model, with all its signals, or those since it was last told. Nothing where the
   * subscriber asked for none of them.
   */
  tell(row: VehicleRow): VehicleChange | undefined {
    this.#advance(row.position as Position)
    const revision = this.#told.get(row.vin)?.revision ?? -1
    const signals = new Map(
      Object.entries(row.twin.signals).filter(([path, state]) => state.revision > revision && this.#wants(path)),
    )
    this.#remember(row, signals)
    if (signals.size === 0 && !this.#wantsMore) return undefined
    return { position: this.#position, twin: row.twin, signals, lagged: true }
  }

  /** Positions handed out never go back, though one vehicle may have waited longer than the others. */
  #advance(position: Position): void {
    if (position > this.#position) this.#position = position
  }

  #remember(row: VehicleRow, signals: ReadonlyMap<string, SignalState>): void {
    const told = this.#told.get(row.vin) ?? { revision: -1, signals: new Map<string, SignalState>() }
    told.revision = row.revision
    for (const [path, state] of signals) told.signals.set(path, state)
    this.#told.delete(row.vin)
    this.#told.set(row.vin, told)
    if (this.#told.size > this.#capacity) {
      for (const oldest of this.#told.keys()) {
        this.#told.delete(oldest)
        break
      }
    }
  }
}
