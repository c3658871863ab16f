/** The client takes a scheme that it does not know for MQTT without TLS. */
const schemes = new Set(["mqtt:", "mqtts:", "ws:", "wss:"])

/** Whether it is the URL of a broker: `mqtt://`, `mqtts://`, `ws://` or `wss://`, and a host. */
export const isMqttUrl = (text: string): boolean => {
  const url = URL.parse(text)
  return url !== null && url.hostname !== "" && schemes.has(url.protocol)
}
