/**
 * What makes a message this message. It is the message's own: whoever brings it, over whatever broker, however often,
 * it is one fact.
 */
import { hash } from "node:crypto"
import type { Vin } from "./vin.ts"

export type Identity =
  /** The vehicle counts its messages within a session. */
  | { readonly _tag: "Sequenced"; readonly session: string; readonly seq: number }
  /** The message has an id of its own, or else the hash of vehicle, device time and content. */
  | { readonly _tag: "Unique"; readonly key: string }

export const sequenced = (session: string, seq: number): Identity => ({ _tag: "Sequenced", session, seq })

export const byId = (id: string): Identity => ({ _tag: "Unique", key: `id:${id}` })

/** For a message that names itself in no way: 128 bits of SHA-256 over vehicle, device time and content. */
export const byContent = (vin: Vin, at: string, content: string): Identity => ({
  _tag: "Unique",
  key: `hash:${hash("sha256", `${vin}\n${at}\n${content}`, "base64url").slice(0, 22)}`,
})

/** As stored in an event's metadata. */
export const toText = (identity: Identity): string =>
  identity._tag === "Sequenced" ? `seq:${identity.seq}@${identity.session}` : identity.key

export const fromText = (text: string): Identity => {
  const match = /^seq:(\d+)@(.*)$/s.exec(text)
  return match ? sequenced(match[2] ?? "", Number(match[1])) : { _tag: "Unique", key: text }
}

// UUIDv5 of "vehicle-twin" in the DNS namespace; fixed for ever, since stored ids derive from it.
const namespace = Buffer.from("1a951233835f52a6b82d19c780b01a27", "hex")

/** A name-based UUID (RFC 9562, version 5) of `name` in this project's namespace. The same name, the same id. */
export const uuid = (name: string): string => {
  const digest = hash("sha1", Buffer.concat([namespace, Buffer.from(name)]), "hex")
  const variant = ((Number.parseInt(digest.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${
    digest.slice(20, 32)
  }`
}
