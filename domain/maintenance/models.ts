/**
 * The component models: those in service, of which each component has one, and other versions of them, which a backtest
 * compares with these before they take their place.
 */
import type { ComponentModel } from "./model.ts"
import { serviceDue } from "./service-due.ts"

export const models: ReadonlyArray<ComponentModel> = [serviceDue]

export const candidates: ReadonlyArray<ComponentModel> = []
