/** The component models there are. */
import type { ComponentModel } from "./model.ts"
import { serviceDue } from "./service-due.ts"

export const models: ReadonlyArray<ComponentModel> = [serviceDue]
