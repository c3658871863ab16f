/**
 * The component models: those in service, of which each component has one, and other versions of them, which a backtest
 * compares with these before they take their place.
 */
import { batteryCapacity } from "./components/battery-capacity.ts"
import { brakePads } from "./components/brake-pads.ts"
import { cellFault, cellFault1 } from "./components/cell-fault.ts"
import { coolantTemperature } from "./components/coolant-temperature.ts"
import { crash } from "./components/crash.ts"
import { insulation } from "./components/insulation.ts"
import { lowVoltageBattery } from "./components/low-voltage-battery.ts"
import type { ComponentModel } from "./model.ts"
import { motorTemperature } from "./components/motor-temperature.ts"
import { serviceDue } from "./components/service-due.ts"
import { troubleCodes } from "./components/trouble-codes.ts"
import { tyreLeaks } from "./components/tyre-leak.ts"

export const models: ReadonlyArray<ComponentModel> = [
  serviceDue,
  crash,
  cellFault,
  batteryCapacity,
  insulation,
  lowVoltageBattery,
  ...tyreLeaks,
  ...brakePads,
  motorTemperature,
  coolantTemperature,
  ...troubleCodes,
]

export const candidates: ReadonlyArray<ComponentModel> = [cellFault1]
