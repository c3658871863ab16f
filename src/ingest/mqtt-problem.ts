/** Why there is no connection to the broker, in words that name the setting to look at. */

export interface MqttProblem {
  readonly message: string
  /** The broker does not speak this version of MQTT, or may not: another is worth a try. */
  readonly version?: boolean
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined)

/** `error` is what the client said last before it closed, nothing where it was closed without a word. */
export const explain = (error: unknown, address: string): MqttProblem => {
  const code = codeOf(error)
  const text = error instanceof Error && error.message !== "" ? error.message : String(code ?? error)
  if (typeof code === "number") return refused(code, text, address)
  switch (code) {
    case "ECONNREFUSED":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return { message: `no broker answers at MQTT_URL ${address} (${code})` }
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return { message: `the broker's certificate is not for the host in MQTT_URL ${address}: ${text}` }
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "CERT_HAS_EXPIRED":
      return { message: `the certificate of ${address} is not trusted; MQTT_TLS_CA names who signs it: ${text}` }
    default:
      break
  }
  if (typeof code === "string" && code.startsWith("ERR_SSL_WRONG_VERSION")) {
    return { message: `${address} does not speak TLS: MQTT_URL may have to begin with mqtt:// or ws://` }
  }
  if (typeof code === "string" && code.startsWith("ERR_SSL_")) {
    return { message: `TLS with ${address} failed; see MQTT_TLS_CERT and MQTT_TLS_KEY: ${text}` }
  }
  if (code === undefined && error !== undefined && text === "connack timeout") {
    const message = `${address} took the connection but did not answer as an MQTT broker; see MQTT_URL`
    return { message, version: true }
  }
  if (error === undefined || code === "ECONNRESET" || code === "EPIPE") {
    return { message: `the broker at ${address} closed the connection without saying why`, version: true }
  }
  return { message: `${text} (${address})`, version: true }
}

/** CONNACK's codes, of MQTT 3.1.1 (1–5) and of MQTT 5 (from 128 on). */
const refused = (code: number, text: string, address: string): MqttProblem => {
  switch (code) {
    case 1:
    case 0x84:
      return { message: `the broker at ${address} does not speak this version of MQTT`, version: true }
    case 2:
    case 0x85:
      return { message: `the broker at ${address} does not take MQTT_CLIENT_ID` }
    case 4:
    case 0x86:
      return { message: `the broker at ${address} does not take MQTT_USERNAME and MQTT_PASSWORD` }
    case 5:
    case 0x87:
      return { message: `the broker at ${address} does not let us in: see MQTT_USERNAME and MQTT_PASSWORD` }
    default:
      return { message: `the broker at ${address} refused the connection: ${text}` }
  }
}

/** DISCONNECT's codes (MQTT 5) that a setting of ours may be behind. */
export const explainDisconnect = (code: number | undefined, address: string): MqttProblem => ({
  message: code === 0x8E
    ? `another client connected to ${address} as MQTT_CLIENT_ID; each service needs one of its own`
    : `the broker at ${address} ended the connection with code ${code ?? 0}`,
})
