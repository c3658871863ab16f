/** Messages as vehicles send them. */

export const vinOf = (n: number): string => `LSVAA4187E${String(n).padStart(7, "0")}`

export const telemetry = (seq: number, speed = 42): string =>
  JSON.stringify({ session: "boot-1", seq, at: "2026-11-22T08:15:30.250Z", signals: { "Vehicle.Speed": speed } })

export const status = (online: boolean): string => JSON.stringify({ online, session: "boot-1" })
