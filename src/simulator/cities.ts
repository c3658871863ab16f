/** Where the simulated vehicles are at home. */

export interface City {
  readonly name: string
  readonly region: string
  /** Where its vehicles are kept and seen to. */
  readonly depots: readonly [string, ...ReadonlyArray<string>]
  /** Degrees, WGS 84. */
  readonly latitude: number
  readonly longitude: number
  /** Hours ahead of UTC; summer time is left out. */
  readonly utcOffset: number
  /** Yearly mean, and how far the warmest and the coldest month are from it, °C. */
  readonly meanTemperature: number
  readonly seasonalSwing: number
}

export const cities: readonly [City, ...ReadonlyArray<City>] = [
  {
    name: "Shanghai", region: "East China", depots: ["Shanghai Minhang", "Shanghai Pudong"],
    latitude: 31.23, longitude: 121.47, utcOffset: 8, meanTemperature: 17, seasonalSwing: 12,
  },
  {
    name: "Stuttgart", region: "Southern Germany", depots: ["Stuttgart", "Esslingen"],
    latitude: 48.78, longitude: 9.18, utcOffset: 1, meanTemperature: 10.5, seasonalSwing: 9,
  },
  {
    name: "Detroit", region: "Great Lakes", depots: ["Detroit", "Ann Arbor"],
    latitude: 42.33, longitude: -83.05, utcOffset: -5, meanTemperature: 10.5, seasonalSwing: 13,
  },
]

const dayMs = 86_400_000

/** Hours since local midnight, 0 up to 24. */
export const localHour = (city: City, at: number): number =>
  ((((at + city.utcOffset * 3_600_000) % dayMs) + dayMs) % dayMs) / 3_600_000

/** Air temperature, °C: warmest in mid-July at 15 o'clock, ±4 °C over the day. */
export const airTemperature = (city: City, at: number): number => {
  const season = Math.cos(2 * Math.PI * (at / (365.25 * dayMs) - 196 / 365.25))
  const day = Math.cos(2 * Math.PI * (localHour(city, at) - 15) / 24)
  return city.meanTemperature + city.seasonalSwing * season + 4 * day
}
