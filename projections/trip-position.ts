/**
 * Which of a trip's positions to believe. They never bear on its distance, which comes from speed.
 *
 * A latitude or longitude out of range, or exactly 0 (what receivers send that have no fix), is passed over. So is a
 * position further from the one believed before it than the vehicle can have come since: 1 km and half as much again as
 * its highest speed on this trip, at least 30 km/h, allows for. (Receivers hold a position for half a minute and then
 * leap after the vehicle by several hundred metres.) What was taken for the trip's first position is not believed until
 * a second one agrees with it; until then each position that disagrees takes its place.
 */
export interface Position {
  readonly latitude: number
  readonly longitude: number
  /** Device time, epoch ms. */
  readonly at: number
}

const slackKm = 1
const speedFactor = 1.5
const minSpeed = 30

const degreesToRadians = Math.PI / 180
const earthRadiusKm = 6371.0088

export const isPossible = ({ latitude, longitude }: Position): boolean =>
  latitude !== 0 && longitude !== 0 && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180

/** Great-circle distance by the haversine formula, km. */
export const distanceKm = (a: Position, b: Position): number => {
  const sinLatitude = Math.sin((b.latitude - a.latitude) * degreesToRadians / 2)
  const sinLongitude = Math.sin((b.longitude - a.longitude) * degreesToRadians / 2)
  const h = sinLatitude ** 2 +
    Math.cos(a.latitude * degreesToRadians) * Math.cos(b.latitude * degreesToRadians) * sinLongitude ** 2
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** Whether the vehicle, never faster than `maxSpeed` km/h, can have been at both. */
export const agree = (a: Position, b: Position, maxSpeed: number): boolean =>
  distanceKm(a, b) <= slackKm + speedFactor * Math.max(maxSpeed, minSpeed) * Math.abs(b.at - a.at) / 3_600_000

export interface Ends {
  readonly start: Position
  readonly end: Position
}

/** The ends of the trip's way as known, with one more position. The same object where it changes nothing. */
export const withPosition = (ends: Ends | undefined, position: Position, maxSpeed: number): Ends | undefined => {
  if (!isPossible(position)) return ends
  if (ends === undefined) return { start: position, end: position }
  const { start, end } = ends
  if (position.at >= start.at && position.at <= end.at) return ends
  const isEarlier = position.at < start.at
  if (!agree(position, isEarlier ? start : end, maxSpeed)) {
    return start.at === end.at ? { start: position, end: position } : ends
  }
  return isEarlier ? { start: position, end } : { start, end: position }
}
