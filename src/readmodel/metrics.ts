/** What the projector counts, once a batch. */
import { Metric } from "effect"

export const batchSeconds = Metric.histogram("vehicle_twin_projection_batch_seconds", {
  description: "Time to fold and commit a batch, all projections together",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
})

export const events = Metric.counter("vehicle_twin_projection_events_total", {
  description: "Events folded into the read models; those of a rebuild are not among them",
  incremental: true,
})

export const unreadable = Metric.counter("vehicle_twin_projection_unreadable_events_total", {
  description: "Events passed over because they could not be decoded; those of a rebuild are not among them",
  incremental: true,
})

export const restarts = Metric.counter("vehicle_twin_projection_restarts_total", {
  description: "Times the projector went back to its checkpoint, after a failure or because another one was ahead",
  incremental: true,
})

export const lagSeconds = Metric.gauge("vehicle_twin_projection_lag_seconds", {
  description: "Age of the newest folded event when it came into the read models",
})
