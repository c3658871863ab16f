/** Messages for the benchmarks: ten signals each, as a car sends them, numbered within one session a vehicle. */
import { Kafka, logLevel } from "kafkajs"
import { connectAsync, type MqttClient } from "mqtt"

export const vinOf = (n: number): string => `LSVAB4182E2${String(n).padStart(6, "0")}`

export const message = (seq: number, at: number): string =>
  JSON.stringify({
    session: "bench",
    seq,
    at: new Date(at).toISOString(),
    signals: {
      "Vehicle.Speed": (seq * 7) % 120,
      "Vehicle.TraveledDistance": 10_000_000 + seq * 20,
      "Vehicle.CurrentLocation.Latitude": 31.2304 + seq / 100_000,
      "Vehicle.CurrentLocation.Longitude": 121.4737 + seq / 100_000,
      "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": 80 - (seq % 600) / 10,
      "Vehicle.Powertrain.TractionBattery.CurrentVoltage": 360 + (seq % 40) / 4,
      "Vehicle.Powertrain.TractionBattery.CurrentCurrent": -40 + (seq % 80),
      "Vehicle.Exterior.AirTemperature": 21.5,
      "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure": 250,
      "Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure": 251,
    },
  })

export const publisher = (url: string): Promise<MqttClient> => connectAsync(url, { protocolVersion: 4 })

/** Publishes `count` messages to vehicles in turn as fast as the broker takes them. */
export const fill = async (client: MqttClient, prefix: string, vehicles: number, count: number): Promise<void> => {
  const start = Date.now() - count
  let acknowledged = 0
  let published = 0
  await new Promise<void>((resolve) => {
    const more = () => {
      while (published < count && published - acknowledged < 2_000) {
        const n = published++
        const topic = `${prefix}/vehicles/${vinOf(n % vehicles)}/telemetry`
        client.publish(topic, message(Math.floor(n / vehicles), start + n), { qos: 1 }, () => {
          if (++acknowledged === count) resolve()
          else if (published - acknowledged < 1_000) more()
        })
      }
    }
    more()
  })
}

const perRequest = 2_000

/** Writes `count` messages of vehicles in turn to a topic that is there, keyed by VIN. */
export const fillKafka = async (brokers: string, topic: string, vehicles: number, count: number): Promise<void> => {
  const start = Date.now() - count
  const kafka = new Kafka({ clientId: "load", brokers: [brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
  await producer.connect()
  for (let from = 0; from < count; from += perRequest) {
    const messages = Array.from({ length: Math.min(perRequest, count - from) }, (_, i) => {
      const n = from + i
      return { key: vinOf(n % vehicles), value: message(Math.floor(n / vehicles), start + n) }
    })
    await producer.send({ topic, acks: -1, messages })
  }
  await producer.disconnect()
}

export const makeTopic = async (brokers: string, topic: string, partitions: number): Promise<void> => {
  const admin = new Kafka({ clientId: "load", brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true })
  await admin.disconnect()
}
