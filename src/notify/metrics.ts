import { Metric } from "effect"

const notifications = (channel: string, outcome: string) =>
  Metric.counter("vehicle_twin_notifications_total", {
    description: "Tries to deliver notifications: delivered; failed, to be tried again; dead, given up",
    attributes: { channel, outcome },
    incremental: true,
  })

const outcomesOf = (channel: string) => ({
  delivered: notifications(channel, "delivered"),
  failed: notifications(channel, "failed"),
  dead: notifications(channel, "dead"),
})

export const outcomes = { webhook: outcomesOf("webhook"), email: outcomesOf("email") } as const

const held = (state: string, description: string) =>
  Metric.gauge(`vehicle_twin_notifications_${state}`, { description })

export const waiting = held("waiting", "Notifications that wait to be delivered")
export const gathered = held("held", "Notifications in which quiet hours or a digest gather news")
export const dead = held("dead", "Notifications that were given up: `failedDeliveries`")

export const tooOld = Metric.counter("vehicle_twin_notifications_too_old_total", {
  description: "Events of alerts that were too old to be told of when they were first seen",
  incremental: true,
})

export const unreadable = Metric.counter("vehicle_twin_notifications_unreadable_events_total", {
  description: "Events that were passed over because they could not be decoded",
  incremental: true,
})
