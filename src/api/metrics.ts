import { Metric } from "effect"

const boundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const requestSeconds = Metric.histogram("vehicle_twin_request_seconds", {
  description: "Time to answer a query or a mutation, seconds",
  boundaries,
})

export const querySeconds = Metric.withAttributes(requestSeconds, { operation: "query" })
export const mutationSeconds = Metric.withAttributes(requestSeconds, { operation: "mutation" })
