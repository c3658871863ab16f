/** The fleet as an app sees it: by queries, and by a subscription that it resumes where it broke off. */
import { Effect } from "effect"
import type { SignalValue } from "../../domain/signals/signal.ts"
import { ask, overWebSocket } from "../api/client.ts"
import type { ExpectedSignal } from "./ledger.ts"

export interface VehicleView {
  readonly vin: string
  readonly revision: number
  readonly signals: ReadonlyArray<ExpectedSignal>
  readonly events: { readonly totalCount: number }
}

const fleet = `{
  vehicles(first: 200) {
    edges { node { vin revision signals { path value at revision } events(last: 1) { totalCount } } }
  }
}`

interface Fleet {
  readonly vehicles: { readonly edges: ReadonlyArray<{ readonly node: VehicleView }> }
}

/** At most 200 vehicles, by VIN; of each its signals by path. */
export const fleetView = (url: string): Effect.Effect<ReadonlyArray<VehicleView>> =>
  Effect.promise(async () => {
    const { vehicles } = await ask<Fleet>(url, fleet)
    return vehicles.edges.map(({ node }) => ({
      ...node,
      signals: node.signals.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    }))
  })

interface Told {
  readonly vehicleChanged: {
    readonly cursor: string
    readonly vehicle: { readonly vin: string }
    readonly signals: ReadonlyArray<{ readonly path: string; readonly value: SignalValue }>
  }
}

const changes = `subscription ($after: Cursor) {
  vehicleChanged(after: $after) { cursor vehicle { vin } signals { path value } }
}`

/** What a subscriber knows who was only ever told changes. */
export class LiveView {
  /** By VIN and path. */
  readonly values = new Map<string, SignalValue>()
  /** Of the last change it was told. */
  cursor: string | undefined
  /** Connections on which it was told something. */
  sessions = 0
  readonly #url: string
  #close: (() => void) | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** Begins, or goes on after the cursor. Ends with its connection. */
  async follow(): Promise<void> {
    this.cursor ??= (await ask<{ readonly cursor: string }>(this.#url, "{ cursor }")).cursor
    const subscription = overWebSocket<Told>(this.#url, changes, { after: this.cursor })
    this.#close = subscription.close
    try {
      for (let count = 0;; count++) {
        const answer = await subscription.next()
        if (answer === undefined) return
        if (answer.data === undefined) throw new Error(JSON.stringify(answer.errors))
        const { cursor, signals, vehicle } = answer.data.vehicleChanged
        if (count === 0) this.sessions++
        this.cursor = cursor
        for (const { path, value } of signals) this.values.set(`${vehicle.vin} ${path}`, value)
      }
    } catch (error) {
      // The service was killed: a close event, where there is one at all.
      if (error instanceof Error) throw error
    }
  }

  close(): void {
    this.#close?.()
  }
}
