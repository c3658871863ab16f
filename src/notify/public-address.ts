/**
 * Which addresses a webhook may reach. Who may save a rule chooses its URL, and must not reach through this service
 * what only this service's network should: databases, other services, a cloud's metadata.
 */
import { isIP } from "node:net"
import ipaddr from "ipaddr.js"

/** What a network of one's own has. Not link-local addresses, where clouds keep their credentials. */
const ownNetwork: ReadonlySet<string> = new Set(["loopback", "private", "uniqueLocal", "carrierGradeNat"])

/** 2000::/3, outside of which no address of IPv6 is given to anyone in the public network. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3")

/** What an address is that is not to be called; undefined where it may be. It does not name the address. */
export const refusalOf = (address: string, allowPrivate: boolean): string | undefined => {
  // Not by the library, which also takes what only some systems would.
  if (isIP(address) === 0) return "no address"
  // What stands for an address of IPv4 is judged as that one.
  const parsed = ipaddr.process(address)
  const range = parsed.range()
  const isPublic = range === "unicast" && (parsed instanceof ipaddr.IPv4 || parsed.match(globalUnicast))
  if (isPublic || (allowPrivate && ownNetwork.has(range))) return undefined
  return ownNetwork.has(range)
    ? `a private address (${range}), which WEBHOOK_ALLOW_PRIVATE=true would allow`
    : `no public address (${range === "unicast" ? "reserved" : range})`
}
