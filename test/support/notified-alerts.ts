/** Alerts of vehicles in a log, and rules that tell of them. */
import { Effect } from "effect"
import { type AlertEvent, streamOf, versions } from "../../domain/maintenance/alerts/alert-events.ts"
import type { Rule } from "../../domain/notification/notification-rule-events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { EventStore } from "../../src/eventstore/event-store.ts"

type DataOf<T extends AlertEvent["type"]> = Extract<AlertEvent, { readonly type: T }>["data"]

export const alertIdOf = (vin: string, component = "brakes.front"): string => Identity.uuid(`alert ${vin} ${component}`)

/** Appends to the vehicle's alerts. */
export const tell = Effect.fnUntraced(function*<T extends AlertEvent["type"]>(
  store: EventStore["Service"],
  vin: string,
  type: T,
  data: DataOf<T>,
  { at, brand }: { readonly at: number; readonly brand?: string },
) {
  const revision = yield* store.revision(streamOf(vin))
  yield* store.append(streamOf(vin), revision < 0 ? "no_stream" : revision, [{
    id: Identity.uuid(`${vin} ${revision} ${type}`),
    type,
    data,
    metadata: { schema: versions[type], receivedAt: toTime(at), ...(brand !== undefined && { brand }) },
  }])
})

export const raised = (vin: string, rest: Partial<DataOf<"AlertRaised">> = {}): DataOf<"AlertRaised"> => ({
  alertId: alertIdOf(vin, rest.component),
  component: "brakes.front",
  urgency: "service_soon",
  score: 17,
  model: "brake-pads",
  modelVersion: "1",
  summary: "Front brake pads are worn to 17 %",
  recommendedAction: "Replace the front pads",
  evidence: [{ text: "Pad wear was 83 % on 2026-11-21", events: [] }],
  confidence: 0.8,
  remaining: { days: 12, low: 8, high: 17 },
  ...rest,
})

let rules = 0

export const ruleOf = (channel: Rule["channel"], rest: Partial<Rule> = {}): Rule => ({
  id: Identity.uuid(`rule ${rules++} ${process.pid} ${Date.now()}`),
  name: "Workshop",
  enabled: true,
  filter: {},
  also: [],
  channel,
  ...rest,
})
