/**
 * Reads a release of the COVESA Vehicle Signal Specification in its JSON form: a tree of branches whose leaves are
 * sensors, actuators and attributes, with instances already written out, as in `vss_release_6.0.json`.
 */
import { Result, Schema, SchemaIssue } from "effect"
import { isPersonal } from "./personal.ts"
import { type DataType, define, isDataType, isNumeric, type Signal, type SignalDefinition } from "./signal.ts"
import { daily, never, slow } from "./signal-table.ts"

export interface MalformedRelease {
  readonly _tag: "MalformedRelease"
  /** Where in the tree, dotted: `Vehicle.Speed.datatype`. Empty for the document itself. */
  readonly place: string
  readonly message: string
}

const Node = Schema.Struct({ type: Schema.Literals(["branch", "sensor", "actuator", "attribute"]) })
const Children = Schema.Record(Schema.String, Schema.Unknown)
const Branch = Schema.Struct({ children: Children })
const Leaf = Schema.Struct({
  type: Schema.Literals(["sensor", "actuator", "attribute"]),
  datatype: Schema.String,
  description: Schema.optionalKey(Schema.String),
  unit: Schema.optionalKey(Schema.String),
  min: Schema.optionalKey(Schema.Finite),
  max: Schema.optionalKey(Schema.Finite),
  allowed: Schema.optionalKey(Schema.NonEmptyArray(Schema.Union([Schema.Finite, Schema.String, Schema.Boolean]))),
})

const decodeNode = Schema.decodeUnknownResult(Node)
const decodeChildren = Schema.decodeUnknownResult(Children)
const decodeBranch = Schema.decodeUnknownResult(Branch)
const decodeLeaf = Schema.decodeUnknownResult(Leaf)
const issues = SchemaIssue.makeFormatterStandardSchemaV1()

/** Deeper than any tree of signals; a bound for the recursion. VSS 6.0 goes ten levels down. */
const deepest = 64

/** Names of VSS are CamelCase; what matters here is that a dotted path is unambiguous. */
const nameForm = /^[A-Za-z0-9_]+$/

/** For signals that nobody has tuned, by unit: a step that shows on a dashboard. Other units: any change counts. */
const deadbands: Readonly<Record<string, number>> = {
  "percent": 1,
  "km/h": 1,
  "Celsius": 1,
  "degrees": 1,
  "degrees/s": 1,
  "m/s^2": 0.1,
  "rpm": 10,
  "Nm": 1,
  "N": 10,
  "kPa": 1,
  "W": 10,
}

const deadbandOf = (type: DataType, unit: string | undefined): number =>
  unit !== undefined && isNumeric(type) && Object.hasOwn(deadbands, unit) ? deadbands[unit] ?? 0 : 0

/** Attributes hold, quantities drift, and states are sent when they change. */
const staleAfterOf = (kind: "sensor" | "actuator" | "attribute", type: DataType): number => {
  if (kind === "attribute") return never
  return isNumeric(type) ? slow : daily
}

const malformed = (place: string, message: string): Result.Result<never, MalformedRelease> =>
  Result.fail({ _tag: "MalformedRelease", place, message: `${place === "" ? "the document" : place}: ${message}` })

const malformedBy = (place: string, error: Schema.SchemaError): Result.Result<never, MalformedRelease> => {
  const [issue] = issues(error.issue).issues
  const below = (issue?.path ?? []).map((key) => String(typeof key === "object" ? key.key : key))
  return malformed([place, ...below].filter((name) => name !== "").join("."), issue?.message ?? error.message)
}

const readLeaf = (path: string, json: unknown): Result.Result<SignalDefinition, MalformedRelease> => {
  const decoded = decodeLeaf(json)
  if (Result.isFailure(decoded)) return malformedBy(path, decoded.failure)
  const { type: kind, datatype: type, description = "", unit, min, max, allowed } = decoded.success
  if (!isDataType(type)) return malformed(`${path}.datatype`, `unknown datatype ${JSON.stringify(type)}`)
  if ((min !== undefined || max !== undefined) && !isNumeric(type)) {
    return malformed(`${path}.${min === undefined ? "max" : "min"}`, `a ${type} has no smallest or largest value`)
  }
  if (min !== undefined && max !== undefined && min > max) {
    return malformed(`${path}.min`, `${min} is above the largest value, ${max}`)
  }
  const signal: Signal = {
    path,
    type,
    ...(unit === undefined ? undefined : { unit }),
    ...(min === undefined ? undefined : { min }),
    ...(max === undefined ? undefined : { max }),
    ...(allowed === undefined ? undefined : { allowed }),
    deadband: deadbandOf(type, unit),
    staleAfter: staleAfterOf(kind, type),
    personal: isPersonal(path),
    description,
  }
  const definition = define(signal)
  const misfit = allowed?.findIndex((value) => !definition.accepts(type.endsWith("[]") ? [value] : value)) ?? -1
  if (misfit >= 0) return malformed(`${path}.allowed.${misfit}`, `not a ${type} within its limits`)
  return Result.succeed(definition)
}

const readChildren = (
  place: string,
  children: Readonly<Record<string, unknown>>,
  depth: number,
  into: Array<SignalDefinition>,
): Result.Result<void, MalformedRelease> => {
  if (depth > deepest) return malformed(place, `more than ${deepest} levels`)
  for (const [name, json] of Object.entries(children)) {
    if (!nameForm.test(name)) return malformed(place, `${JSON.stringify(name.slice(0, 40))} is no name of a signal`)
    const path = place === "" ? name : `${place}.${name}`
    const node = decodeNode(json)
    if (Result.isFailure(node)) return malformedBy(path, node.failure)
    if (node.success.type === "branch") {
      const branch = decodeBranch(json)
      if (Result.isFailure(branch)) return malformedBy(path, branch.failure)
      const read = readChildren(path, branch.success.children, depth + 1, into)
      if (Result.isFailure(read)) return read
    } else {
      const leaf = readLeaf(path, json)
      if (Result.isFailure(leaf)) return Result.fail(leaf.failure)
      into.push(leaf.success)
    }
  }
  return Result.void
}

/**
 * The signals of a release, in its order, with a deadband and a staleness by unit and kind. All or nothing: the first
 * place that is wrong is told. Patterns, defaults and deprecations are passed over; custom struct types are refused.
 */
export const fromVss = (json: unknown): Result.Result<ReadonlyArray<SignalDefinition>, MalformedRelease> => {
  const roots = decodeChildren(json)
  if (Result.isFailure(roots)) return malformedBy("", roots.failure)
  const definitions: Array<SignalDefinition> = []
  const read = readChildren("", roots.success, 0, definitions)
  if (Result.isFailure(read)) return Result.fail(read.failure)
  if (definitions.length === 0) return malformed("", "no signals in it")
  return Result.succeed(definitions)
}
