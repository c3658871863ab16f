import { Metric } from "effect"

export const activeSubscriptions = Metric.gauge("vehicle_twin_subscriptions_active", {
  description: "Subscriptions to changes that are open now",
})

export const changesTold = Metric.counter("vehicle_twin_changes_told_total", {
  description: "Changes handed to subscribers",
  incremental: true,
})

export const signalsPassedOver = Metric.counter("vehicle_twin_signals_passed_over_total", {
  description: "Signals not told to a subscriber since they had changed too little",
  incremental: true,
})
