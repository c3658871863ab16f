import type { TripRow } from "../../projections/trips.ts"
import { builder } from "./builder.ts"

interface Place {
  readonly latitude: number
  readonly longitude: number
}

const GeoPoint = builder.objectRef<Place>("GeoPoint").implement({
  description: "A place on Earth, WGS 84.",
  fields: (t) => ({
    latitude: t.exposeFloat("latitude", { description: "Degrees, north is positive." }),
    longitude: t.exposeFloat("longitude", { description: "Degrees, east is positive." }),
  }),
})

const place = (latitude: number | null, longitude: number | null): Place | null =>
  latitude === null || longitude === null ? null : { latitude, longitude }

export const trips = { name: "trips", columns: 1 }

export const Trip = builder.node(builder.objectRef<TripRow>("Trip"), {
  description: "A vehicle's drive from standstill to standstill. Late data may change it.",
  id: { resolve: ({ vin, startAt }) => `${vin}:${startAt}`, description: "Found by `node`." },
  loadOne: async (id, { loaders }) => {
    const [vin, start] = id.split(":")
    const startAt = Number(start)
    if (vin === undefined || !Number.isSafeInteger(startAt)) return null
    // Newest first: what follows on the next millisecond begins with this trip.
    const page = { limit: 1, backwards: false, after: [startAt + 1] }
    const { rows } = await loaders.trips.load({ vin, page })
    const row = rows[0]?.row
    return row?.startAt === startAt ? row : null
  },
  fields: (t) => ({
    vin: t.exposeString("vin", { description: "The VIN of the vehicle." }),
    startAt: t.expose("startAt", { type: "DateTime", description: "Device time of the first moving sample." }),
    endAt: t.expose("endAt", { type: "DateTime", description: "Device time of the last moving sample so far." }),
    distanceKm: t.exposeFloat("distanceKm", { description: "The distance, km: speed integrated over time." }),
    maxSpeed: t.exposeFloat("maxSpeed", { description: "The highest speed, km/h." }),
    start: t.field({
      type: GeoPoint,
      nullable: true,
      description: "Where it began, where that is known.",
      resolve: (trip) => place(trip.startLatitude, trip.startLongitude),
    }),
    end: t.field({
      type: GeoPoint,
      nullable: true,
      description: "Where it ended, where that is known.",
      resolve: (trip) => place(trip.endLatitude, trip.endLongitude),
    }),
    startSoc: t.exposeFloat("startSoc", { nullable: true, description: "State of charge at the start, %." }),
    endSoc: t.exposeFloat("endSoc", { nullable: true, description: "State of charge at the end, %." }),
  }),
})
