/** The brands and models that the simulated fleet is made of: battery electric, invented, each with a real one's size. */

export interface Make {
  readonly brand: string
  readonly model: string
  /** The first three places of its VINs: world manufacturer identifier. */
  readonly wmi: string
  /** Places 4 and 5. */
  readonly code: string
  /** With people and load, kg. */
  readonly mass: number
  /** Drag coefficient times frontal area, m². */
  readonly dragArea: number
  /** Rolling resistance coefficient. */
  readonly rolling: number
  /** m/s². */
  readonly maxAcceleration: number
  /** m/s. */
  readonly topSpeed: number
  /** Cells in series. */
  readonly cells: number
  /** Ah. */
  readonly capacity: number
  /** Of the whole pack, ohm. */
  readonly resistance: number
  /** On-board charger, W. */
  readonly acPower: number
  /** Highest current from a fast charger, A. */
  readonly dcCurrent: number
  /** Cold, at 20 °C, kPa. */
  readonly tyrePressure: number
  /** km. */
  readonly serviceInterval: number
}

export const makes: readonly [Make, ...ReadonlyArray<Make>] = [
  {
    brand: "Lanting", model: "Yun 3", wmi: "LVT", code: "Y3",
    mass: 1_750, dragArea: 0.56, rolling: 0.009, maxAcceleration: 2.8, topSpeed: 44,
    cells: 104, capacity: 150, resistance: 0.07, acPower: 7_000, dcCurrent: 200,
    tyrePressure: 250, serviceInterval: 20_000,
  },
  {
    brand: "Lanting", model: "Hai Van", wmi: "LVT", code: "H1",
    mass: 2_900, dragArea: 1.35, rolling: 0.011, maxAcceleration: 1.8, topSpeed: 33,
    cells: 112, capacity: 190, resistance: 0.06, acPower: 11_000, dcCurrent: 220,
    tyrePressure: 340, serviceInterval: 25_000,
  },
  {
    brand: "Nordstern", model: "E Kombi", wmi: "WVN", code: "EK",
    mass: 2_150, dragArea: 0.62, rolling: 0.009, maxAcceleration: 3, topSpeed: 50,
    cells: 108, capacity: 210, resistance: 0.05, acPower: 11_000, dcCurrent: 300,
    tyrePressure: 270, serviceInterval: 30_000,
  },
  {
    brand: "Pontchartrain", model: "Ranger EV", wmi: "1PT", code: "R7",
    mass: 2_800, dragArea: 1.05, rolling: 0.011, maxAcceleration: 2.6, topSpeed: 45,
    cells: 96, capacity: 300, resistance: 0.045, acPower: 11_000, dcCurrent: 350,
    tyrePressure: 290, serviceInterval: 24_000,
  },
]
