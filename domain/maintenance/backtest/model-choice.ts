/** Which model somebody means by `cell-fault` or `cell-fault@2`. */
import { Result } from "effect"
import type { ComponentModel } from "../model.ts"
import * as Registered from "../models.ts"

/** A version of a model: one for each component that it watches. */
export interface ModelVersion {
  readonly name: string
  readonly version: string
  readonly models: ReadonlyArray<ComponentModel>
}

export const nameOf = ({ name, version }: Pick<ModelVersion, "name" | "version">): string => `${name}@${version}`

/** The version in service where none is named; or what there is instead. */
export const chosen = (
  text: string,
  inService: ReadonlyArray<ComponentModel> = Registered.models,
  candidates: ReadonlyArray<ComponentModel> = Registered.candidates,
): Result.Result<ModelVersion, string> => {
  const isNamed = ({ name, version }: ComponentModel) => text === name || text === `${name}@${version}`
  const served = inService.filter(isNamed)
  const models = served.length > 0 || !text.includes("@") ? served : candidates.filter(isNamed)
  const [first] = models
  if (first !== undefined) return Result.succeed({ name: first.name, version: first.version, models })
  const known = new Set([...inService, ...candidates].map(nameOf))
  return Result.fail(`${JSON.stringify(text.slice(0, 60))} is no model; there are ${[...known].join(", ")}`)
}
