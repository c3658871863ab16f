/** The topics that a service reads and writes, all keyed by VIN. */

export interface InTopics {
  readonly telemetry: string
  readonly diagnostics: string
  readonly service: string
}

export interface OutTopics {
  /** Every domain event. */
  readonly events: string
  /** What happens to alerts, again. */
  readonly alerts: string
}

export interface Topics {
  readonly in: InTopics
  readonly out: OutTopics
}
