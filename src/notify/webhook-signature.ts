/** Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body, by each secret. */
import { createHmac } from "node:crypto"

/** The bytes of each `whsec_…`, separated by spaces; undefined where one is none, or not of 24 to 64 bytes. */
export const secretsIn = (text: string): ReadonlyArray<Buffer> | undefined => {
  const secrets = text.trim().split(/\s+/).map((one) => {
    const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(one) ?? []
    return Buffer.from(base64 ?? "", "base64")
  })
  return secrets.every(({ length }) => length >= 24 && length <= 64) ? secrets : undefined
}

/** @param timestamp Of this try, seconds since the epoch. */
export const headersOf = (
  id: string,
  timestamp: number,
  body: string,
  secrets: ReadonlyArray<Buffer>,
): Readonly<Record<string, string>> => ({
  "webhook-id": id,
  "webhook-timestamp": `${timestamp}`,
  "webhook-signature": secrets.map((secret) =>
    `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`
  ).join(" "),
})
