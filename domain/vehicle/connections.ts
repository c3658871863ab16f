/**
 * Presence by a broker's word: a session for each connection, named by when it was made. The broker's clock, unlike a
 * vehicle's, tells which of two connections is the later, in whatever order their events come.
 */

/** `connectedAt` is epoch ms. */
export const sessionOf = (connectedAt: number): string => `emqx-${connectedAt}`

/** Of a connection's end that does not say which connection it was. */
export const someSession = "emqx"

/** Epoch ms; undefined for a session that the vehicle named. */
export const connectedAt = (session: string | undefined): number | undefined => {
  const digits = /^emqx-(\d{1,15})$/.exec(session ?? "")?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The session that is told of, where the vehicle's last one is known: an end of some connection is that one's. */
export const meant = (told: string, last: string | undefined): string =>
  told === someSession && last !== undefined && connectedAt(last) !== undefined ? last : told
