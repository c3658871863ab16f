import { connect, type MqttClient } from "mqtt"
import type { LedgerEntry, Link, Told } from "./publisher.ts"

/** Publishes to `vehicles/{vin}/telemetry` with QoS 1. */
export const mqttLink = (url: string) => (told: Told): Link => {
  /** The connection, opening or open. */
  let client: MqttClient | undefined
  let isOpen = false
  let closed = false
  let reopening: NodeJS.Timeout | undefined

  const send = (over: MqttClient, entry: LedgerEntry): void => {
    over.publish(`vehicles/${entry.vin}/telemetry`, JSON.stringify(entry.message), { qos: 1 }, (error) => {
      if (!error) told.acknowledged(entry)
    })
  }

  const open = (): void => {
    const opening = connect(url, { reconnectPeriod: 0, protocolVersion: 4, keepalive: 30, connectTimeout: 2000 })
    client = opening
    opening.on("connect", () => {
      isOpen = true
      for (const entry of told.unacknowledged()) send(opening, entry)
      told.opened()
    })
    opening.on("error", () => {})
    opening.once("close", () => {
      isOpen = false
      opening.end(true)
      if (!closed) reopening = setTimeout(open, 50)
    })
  }
  open()

  return {
    isOpen: () => isOpen,
    send: (entry) => {
      // Else it goes out with the next connection.
      if (isOpen && client !== undefined) send(client, entry)
    },
    close: () => {
      closed = true
      clearTimeout(reopening)
      client?.end(true)
    },
  }
}
