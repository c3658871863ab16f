/**
 * Trips over device time: one row a trip.
 *
 * A trip is as many moving samples (above 1 km/h) as lie less than 5 minutes apart. It lasts from the first to the last
 * of them. Its distance is the speed between them integrated by the trapezoidal rule (below the threshold the speed is
 * 0; samples more than 2 minutes apart add nothing), so that a leap of the position does not count.
 *
 * Readings that come late, or are reissued, mend the trips: they extend one, fill its gaps, or make one of two. Start
 * and end come out the same in whatever order samples arrive; for the distance see `trip-runs.ts`, where samples at
 * rest that come before the movement they follow are lost. A trip's key is its start, so a trip extended at the front
 * is another row. Trips older than a vehicle's 20 newest are final: what is earlier than those is left out.
 *
 * Readings that are not good, or whose clock is at fault, count for nothing.
 */
import type { DataOf } from "../domain/vehicle/events.ts"
import { numberOf, timeOf } from "../domain/vehicle/good-reading.ts"
import type { Projection } from "./projection.ts"
import * as TripPosition from "./trip-position.ts"
import * as Runs from "./trip-runs.ts"

export interface TripRow {
  readonly vin: string
  /** Device time of the first and the last moving sample, epoch ms. */
  readonly startAt: number
  readonly endAt: number
  /** Speed integrated over time, km. */
  readonly distanceKm: number
  /** km/h. */
  readonly maxSpeed: number
  /** The first position believed (see `trip-position.ts`), and its device time. */
  readonly startLatitude: number | null
  readonly startLongitude: number | null
  readonly startPositionAt: number | null
  /** The last one believed, up to a minute after the end. */
  readonly endLatitude: number | null
  readonly endLongitude: number | null
  readonly endPositionAt: number | null
  /** State of charge, %, and its device time: the first during the trip, the last up to a minute after its end. */
  readonly startSoc: number | null
  readonly startSocAt: number | null
  readonly endSoc: number | null
  readonly endSocAt: number | null
  /** What mending needs. */
  readonly runs: ReadonlyArray<Runs.Run>
  readonly position: string
}

/** km/h. At or below it a vehicle rests. */
export const movingAbove = 1
/** Rest this long ends a trip. */
export const tripGapMs = 5 * 60_000
/** Positions and charge are taken up to so long after a trip's last moving sample. */
const settlingMs = 60_000
/** As many may wait in memory for each of the projector's vehicles. A week of a private car, or a day of a taxi. */
const recentTrips = 20

const speedPath = "Vehicle.Speed"
const latitudePath = "Vehicle.CurrentLocation.Latitude"
const longitudePath = "Vehicle.CurrentLocation.Longitude"
/** The battery's own reckoning before what the driver is shown. */
const socPaths = [
  "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
  "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed",
]

const paths = [speedPath, latitudePath, ...socPaths]

type Rows = ReadonlyArray<TripRow>

interface Message {
  readonly data: DataOf<"TelemetryReceived">
  /** Device time, epoch ms. */
  readonly at: number
  readonly logPosition: string
}

export const trips: Projection<TripRow> = {
  name: "trips",
  version: 1,
  columns: {
    vin: "text",
    startAt: "time",
    endAt: "time",
    distanceKm: "real",
    maxSpeed: "real",
    startLatitude: "real",
    startLongitude: "real",
    startPositionAt: "time",
    endLatitude: "real",
    endLongitude: "real",
    endPositionAt: "time",
    startSoc: "real",
    startSocAt: "time",
    endSoc: "real",
    endSocAt: "time",
    runs: "json",
    position: "text",
  },
  key: ["startAt"],
  indexes: [],
  recent: { by: "startAt", count: recentTrips },
  evolve: (vin, rows, record) => {
    if (record._tag !== "Vehicle" || record.event.type !== "TelemetryReceived") return rows
    const { data } = record.event
    if (!paths.some((path) => data.readings[path] !== undefined || data.personal?.[path] !== undefined)) return rows
    const message: Message = { data, at: timeOf(data), logPosition: record.position }
    const mended = withSpeed(vin, rows, message)
    return mended.length === 0 ? rows : withCharge(withPosition(mended, message), message)
  },
}

const withSpeed = (vin: string, rows: Rows, { at: messageAt, data, logPosition }: Message): Rows => {
  const speed = numberOf(data, speedPath, messageAt)
  if (speed === undefined) return rows
  const { at, value } = speed
  const before = tripBefore(rows, at, tripGapMs)
  if (value <= movingAbove) {
    if (before === undefined || isFinal(rows, at)) return rows
    const runs = Runs.withResting(before.runs, at)
    if (runs === before.runs) return rows
    return swap(rows, before, { ...before, runs, distanceKm: Runs.distanceKm(runs), position: logPosition })
  }
  if (before !== undefined && at <= before.endAt && value <= before.maxSpeed) {
    const runs = Runs.withMoving(before.runs, at, value)
    if (runs === before.runs) return rows
  }
  if (isFinal(rows, at)) return rows
  const after = before !== undefined && at <= before.endAt ? undefined : tripAfter(rows, at)
  const base = before === undefined ? after : after === undefined ? before : merge(before, after)
  if (base === undefined) return [...rows, newTrip(vin, at, value, logPosition)]
  const runs = Runs.withMoving(base.runs, at, value)
  const trip: TripRow = {
    ...base,
    startAt: Math.min(base.startAt, at),
    endAt: Math.max(base.endAt, at),
    maxSpeed: Math.max(base.maxSpeed, value),
    distanceKm: runs === base.runs ? base.distanceKm : Runs.distanceKm(runs),
    runs,
    position: logPosition,
  }
  return before !== undefined && after !== undefined
    ? swap(rows, before, trip).filter((row) => row !== after)
    : swap(rows, before ?? base, trip)
}

/** The trip that begins at or before this time and whose end is less than `reachMs` before it. */
const tripBefore = (rows: Rows, at: number, reachMs: number): TripRow | undefined => {
  for (const row of rows) if (row.startAt <= at && at - row.endAt < reachMs) return row
  return undefined
}

const tripAfter = (rows: Rows, at: number): TripRow | undefined => {
  for (const row of rows) if (row.startAt > at && row.startAt - at < tripGapMs) return row
  return undefined
}

/** Before the oldest trip that may still change: next to it there may be one that the fold is not shown. */
const isFinal = (rows: Rows, at: number): boolean => {
  if (rows.length < recentTrips) return false
  let later = 0
  for (const row of rows) if (row.startAt > at) later++
  return later >= recentTrips
}

const swap = (rows: Rows, old: TripRow, row: TripRow): Rows => rows.with(rows.lastIndexOf(old), row)

const newTrip = (vin: string, at: number, speed: number, position: string): TripRow => ({
  vin,
  startAt: at,
  endAt: at,
  distanceKm: 0,
  maxSpeed: speed,
  startLatitude: null,
  startLongitude: null,
  startPositionAt: null,
  endLatitude: null,
  endLongitude: null,
  endPositionAt: null,
  startSoc: null,
  startSocAt: null,
  endSoc: null,
  endSocAt: null,
  runs: Runs.withMoving([], at, speed),
  position,
})

const merge = (a: TripRow, b: TripRow): TripRow => {
  const [first, last] = [a.startPositionAt === null ? b : a, b.endPositionAt === null ? a : b]
  const [firstSoc, lastSoc] = [a.startSocAt === null ? b : a, b.endSocAt === null ? a : b]
  return {
    ...a,
    endAt: b.endAt,
    maxSpeed: Math.max(a.maxSpeed, b.maxSpeed),
    startLatitude: first.startLatitude,
    startLongitude: first.startLongitude,
    startPositionAt: first.startPositionAt,
    endLatitude: last.endLatitude,
    endLongitude: last.endLongitude,
    endPositionAt: last.endPositionAt,
    startSoc: firstSoc.startSoc,
    startSocAt: firstSoc.startSocAt,
    endSoc: lastSoc.endSoc,
    endSocAt: lastSoc.endSocAt,
    runs: [...a.runs, ...b.runs],
  }
}

const withPosition = (rows: Rows, { at: messageAt, data, logPosition }: Message): Rows => {
  const latitude = numberOf(data, latitudePath, messageAt)
  if (latitude === undefined) return rows
  const longitude = numberOf(data, longitudePath, messageAt)
  if (longitude === undefined) return rows
  const trip = tripBefore(rows, latitude.at, settlingMs)
  if (trip === undefined || isFinal(rows, latitude.at)) return rows
  const known = endsOf(trip)
  const position = { latitude: latitude.value, longitude: longitude.value, at: latitude.at }
  const ends = TripPosition.withPosition(known, position, trip.maxSpeed)
  if (ends === undefined || ends === known) return rows
  return swap(rows, trip, {
    ...trip,
    startLatitude: ends.start.latitude,
    startLongitude: ends.start.longitude,
    startPositionAt: ends.start.at,
    endLatitude: ends.end.latitude,
    endLongitude: ends.end.longitude,
    endPositionAt: ends.end.at,
    position: logPosition,
  })
}

const endsOf = (trip: TripRow): TripPosition.Ends | undefined => {
  const { endLatitude, endLongitude, endPositionAt, startLatitude, startLongitude, startPositionAt } = trip
  if (startLatitude === null || startLongitude === null || startPositionAt === null) return undefined
  if (endLatitude === null || endLongitude === null || endPositionAt === null) return undefined
  return {
    start: { latitude: startLatitude, longitude: startLongitude, at: startPositionAt },
    end: { latitude: endLatitude, longitude: endLongitude, at: endPositionAt },
  }
}

const withCharge = (rows: Rows, { at: messageAt, data, logPosition }: Message): Rows => {
  let soc
  for (const path of socPaths) soc ??= numberOf(data, path, messageAt)
  if (soc === undefined) return rows
  const { at, value } = soc
  const trip = tripBefore(rows, at, settlingMs)
  if (trip === undefined || isFinal(rows, at)) return rows
  const isFirst = trip.startSocAt === null || at < trip.startSocAt
  const isLast = trip.endSocAt === null || at > trip.endSocAt
  if (!isFirst && !isLast) return rows
  return swap(rows, trip, {
    ...trip,
    ...(isFirst && { startSoc: value, startSocAt: at }),
    ...(isLast && { endSoc: value, endSocAt: at }),
    position: logPosition,
  })
}
