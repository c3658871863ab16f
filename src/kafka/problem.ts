/** Why Kafka cannot be used, in words that name the setting to look at. */
import { Schema } from "effect"

export class KafkaUnavailable extends Schema.TaggedError<KafkaUnavailable>()("KafkaUnavailable", {
  message: Schema.String,
}) {}

/** What the library throws: errors of its own, wrapped in others that say how often it tried. */
interface Told {
  readonly name: string
  readonly message: string
  /** The broker's own word, such as `TOPIC_AUTHORIZATION_FAILED`. */
  readonly type: string | undefined
  /** Node's, such as `ECONNREFUSED`. */
  readonly code: string | undefined
}

const innermost = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  // Of topics that could not be made, each has a reason of its own.
  const within: unknown = error.name === "KafkaJSAggregateError" && "errors" in error && Array.isArray(error.errors)
    ? error.errors[0]
    : error.cause
  return within instanceof Error ? innermost(within) : error
}

const told = (error: unknown): Told => {
  const cause = innermost(error)
  if (!(cause instanceof Error)) return { name: "", message: String(cause), type: undefined, code: undefined }
  const { code, type } = cause as { readonly code?: unknown; readonly type?: unknown }
  return {
    name: cause.name,
    message: cause.message,
    type: typeof type === "string" ? type : undefined,
    code: typeof code === "string" ? code : undefined,
  }
}

const sasl = "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"

/** `brokers` as the settings have them. */
export const explain = (error: unknown, brokers: ReadonlyArray<string>): KafkaUnavailable => {
  if (error instanceof KafkaUnavailable) return error
  const { code, message, name, type } = told(error)
  const at = `KAFKA_BROKERS ${brokers.join(",")}`
  return new KafkaUnavailable({ message: byType(type, message) ?? bySocket(code, message, at) ?? byName(name, message, at) })
}

const byType = (type: string | undefined, message: string): string | undefined => {
  switch (type) {
    case "TOPIC_AUTHORIZATION_FAILED":
    case "CLUSTER_AUTHORIZATION_FAILED":
    case "TRANSACTIONAL_ID_AUTHORIZATION_FAILED":
      return `the broker does not let this user do that; see its access rules and KAFKA_SASL_USERNAME: ${message}`
    case "GROUP_AUTHORIZATION_FAILED":
      return `the broker does not let this user into KAFKA_GROUP_ID; see its access rules: ${message}`
    case "INVALID_GROUP_ID":
    case "INCONSISTENT_GROUP_PROTOCOL":
      return `the broker does not take us into KAFKA_GROUP_ID, which another kind of client may have: ${message}`
    case "UNSUPPORTED_SASL_MECHANISM":
      return `the broker does not offer KAFKA_SASL_MECHANISM: ${message}`
    case "ILLEGAL_SASL_STATE":
      return `the broker wants no SASL here; unset ${sasl}, or see KAFKA_BROKERS: ${message}`
    case "SASL_AUTHENTICATION_FAILED":
      return `the broker does not take ${sasl}: ${message}`
    default:
      return undefined
  }
}

const bySocket = (code: string | undefined, message: string, at: string): string | undefined => {
  switch (code) {
    case "ECONNREFUSED":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `no broker answers at ${at} (${code})`
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the broker's certificate is not for the host in ${at}: ${message}`
    case "ECONNRESET":
    case "EPIPE":
      return `the broker at ${at} closed the connection; KAFKA_SSL and KAFKA_SASL_MECHANISM may not be as it wants them`
    default:
      break
  }
  if (code === undefined) return undefined
  if (code.startsWith("ERR_SSL_") && /wrong.version|packet.length/i.test(`${code} ${message}`)) {
    return `${at} does not speak TLS: leave KAFKA_SSL unset, or name another port`
  }
  if (code.startsWith("ERR_SSL_")) return `TLS with ${at} failed; see KAFKA_SSL_CERT and KAFKA_SSL_KEY: ${message}`
  // OpenSSL's words for a chain that ends nowhere, or at a stranger.
  if (/SELF_SIGNED|UNABLE_TO_|CERT_/.test(code)) {
    return `the certificate of ${at} is not trusted; KAFKA_SSL_CA names who signs it: ${message}`
  }
  return undefined
}

const byName = (name: string, message: string, at: string): string => {
  switch (name) {
    case "KafkaJSSASLAuthenticationError":
      return `the broker at ${at} does not take ${sasl}: ${message}`
    case "KafkaJSConnectionClosedError":
      return `the broker at ${at} closed the connection; KAFKA_SSL and KAFKA_SASL_MECHANISM may not be as it wants them`
    case "KafkaJSConnectionError":
    case "KafkaJSRequestTimeoutError":
      return `no broker answers at ${at}: ${message}; KAFKA_SSL and KAFKA_SASL_MECHANISM may not be as it wants them`
    case "KafkaJSNoBrokerAvailableError":
    case "KafkaJSBrokerNotFound":
    case "KafkaJSMetadataNotLoaded":
      return `no broker of ${at} is there: ${message}`
    default:
      return `${message} (${at})`
  }
}
