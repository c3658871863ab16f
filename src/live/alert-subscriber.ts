/** One subscriber to alerts: the latest of each alert that it is yet to be told. */
import type { AlertRow } from "../../projections/alerts.ts"
import type { Position } from "../eventstore/position.ts"
import type { AlertFilter } from "../readmodel/read-model.ts"
import { alertMatches } from "./alert-filter.ts"
import { Backlog } from "./backlog.ts"

export interface AlertChange {
  /** Resume after this and nothing is missed; what was told may come again. */
  readonly position: Position
  readonly alert: AlertRow
}

export class AlertSubscriber {
  readonly backlog: Backlog<AlertRow>
  readonly #filter: AlertFilter
  #position: Position
  /** Up to here the read model's rows are told. */
  #read: string

  constructor(options: { readonly filter: AlertFilter; readonly position: Position; readonly capacity: number }) {
    this.#filter = options.filter
    this.#position = options.position
    this.#read = options.position
    this.backlog = new Backlog(options.capacity)
  }

  offer(alert: AlertRow, since: Position): void {
    if (alert.position > this.#read && alertMatches(this.#filter, alert)) this.backlog.put(alert.id, since, alert)
  }

  /** The next change, if one waits. `upTo` is the position up to which changes were offered. */
  take(upTo: Position): AlertChange | undefined {
    for (let alert = this.backlog.shift(); alert !== undefined; alert = this.backlog.shift()) {
      if (alert.position <= this.#read) continue
      return { position: this.#advance(this.backlog.oldest ?? upTo), alert }
    }
    return undefined
  }

  tell(alert: AlertRow): AlertChange {
    this.#read = alert.position
    return { position: this.#advance(alert.position as Position), alert }
  }

  #advance(position: Position): Position {
    if (position > this.#position) this.#position = position
    return this.#position
  }
}
