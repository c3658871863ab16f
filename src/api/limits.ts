/**
 * What one request may ask for. A document's size is bounded when it is parsed; once its variables are known, its
 * depth, its aliases, and how many objects it could bring are counted before anything runs.
 */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type DocumentNode,
  getNamedType,
  getNullableType,
  getOperationAST,
  type GraphQLError,
  type GraphQLCompositeType,
  type GraphQLSchema,
  isCompositeType,
  isListType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from "graphql"
import { apiError } from "./errors.ts"
import { defaultSize } from "./paging.ts"

export const limits = {
  /** Of a request's body, bytes. */
  bodyBytes: 1_000_000,
  /** That a WebSocket may have under way at a time, subscriptions above all. */
  socketOperations: 100,
  tokens: 2_000,
  depth: 15,
  aliases: 100,
  /** Objects that may be brought. A page of 200 vehicles with a page of 20 trips each is about 8,500. */
  cost: 50_000,
} as const

/** What a list without a size of its own is taken to bring. */
const assumedList = 20
/** A history is made to have some hundred points; `histories.ts` bounds how many there are in all. */
const assumedPoints = 100
/** A vehicle's events are a read of its own, in objects that could be read together; a year's counts are as many rows. */
const surcharge = 20
/** A vehicle's past is folded from some hundred events. */
const pastSurcharge = 500
/** Of a brand's vehicles each may have a row a day. */
const qualitySurcharge = 5_000
/** Of all components that are at risk, or may fail within the time asked for. */
const riskSurcharge = 5_000
/** Where they are picked by type, or risks by anything, thousands may be read for a page of few. */
const filteredSurcharge = 1_000

interface Weight {
  readonly depth: number
  readonly cost: number
}

/** Why the request is refused, if it is. */
export const tooCostly = (
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | undefined => {
  const operation = getOperationAST(document, operationName)
  const root = operation && schema.getRootType(operation.operation)
  if (!operation || !root) return undefined

  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const node of document.definitions) {
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node)
  }
  /** Of variables: they come as they were sent. */
  const defaults = new Map<string, number>()
  for (const { defaultValue, variable } of operation.variableDefinitions ?? []) {
    if (defaultValue?.kind === Kind.INT) defaults.set(variable.name.value, Number(defaultValue.value))
  }
  const weighed = new Map<string, Weight>()
  let aliases = 0

  const ofSelections = ({ selections }: SelectionSetNode, parent: GraphQLCompositeType): Weight => {
    let depth = 0
    let cost = 0
    for (const selection of selections) {
      const weight = selection.kind === Kind.FIELD
        ? ofField(selection, parent)
        : selection.kind === Kind.INLINE_FRAGMENT
        ? ofSelections(selection.selectionSet, typeNamed(selection.typeCondition?.name.value) ?? parent)
        : ofFragment(selection.name.value)
      depth = Math.max(depth, weight.depth)
      cost += weight.cost
    }
    return { depth, cost }
  }

  const typeNamed = (name: string | undefined): GraphQLCompositeType | undefined => {
    const type = name === undefined ? undefined : schema.getType(name)
    return isCompositeType(type) ? type : undefined
  }

  const ofFragment = (name: string): Weight => {
    const known = weighed.get(name)
    if (known !== undefined) return known
    const fragment = fragments.get(name)
    const type = typeNamed(fragment?.typeCondition.name.value)
    if (fragment === undefined || type === undefined) return { depth: 0, cost: 0 }
    const weight = ofSelections(fragment.selectionSet, type)
    weighed.set(name, weight)
    return weight
  }

  const ofField = (field: FieldNode, parent: GraphQLCompositeType): Weight => {
    if (field.alias !== undefined) aliases++
    const name = field.name.value
    const type = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name]?.type : undefined
    // Leaves come with their object; what the schema says of itself is small and known.
    if (type === undefined || field.selectionSet === undefined) return { depth: 1, cost: 0 }
    const named = getNamedType(type)
    if (!isCompositeType(named)) return { depth: 1, cost: 0 }
    const inner = ofSelections(field.selectionSet, named)
    // A connection's size is counted where its arguments stand, so its edges count once.
    const isList = isListType(getNullableType(type)) && name !== "edges"
    const times = named.name.endsWith("Connection") ? pageSize(field) : isList ? listSize(field, parent) : 1
    return { depth: inner.depth + 1, cost: times * (1 + inner.cost) + surchargeOf(field, parent) }
  }

  const listSize = (field: FieldNode, parent: GraphQLCompositeType): number => {
    if (parent.name === "SignalHistory") return assumedPoints
    if (parent.name !== "Vehicle" || field.name.value !== "history") return assumedList
    const value = field.arguments?.find(({ name }) => name.value === "paths")?.value
    const paths = value?.kind === Kind.VARIABLE ? variables[value.name.value] : value?.kind === Kind.LIST && value.values
    return Array.isArray(paths) ? paths.length : 1
  }

  const pageSize = (field: FieldNode): number => {
    let size: number | undefined
    for (const { name, value } of field.arguments ?? []) {
      if (name.value !== "first" && name.value !== "last") continue
      const given = value.kind === Kind.INT ? Number(value.value)
        : value.kind === Kind.VARIABLE ? variables[value.name.value] ?? defaults.get(value.name.value)
        : undefined
      if (typeof given === "number") size = Math.max(given, 0)
    }
    return size ?? defaultSize
  }

  const { depth, cost } = ofSelections(operation.selectionSet, root)
  return over("depth", depth, limits.depth)
    ?? over("number of aliases", aliases, limits.aliases)
    ?? over("cost, in objects that it may bring,", cost, limits.cost)
}

/** By field, and by whether an argument is given. */
const surcharges: Readonly<Record<string, (has: (argument: string) => boolean) => number>> = {
  "Query.vehicle": (has) => has("asOf") ? pastSurcharge : 0,
  "Query.deadLetters": () => filteredSurcharge,
  "Query.dataQuality": () => qualitySurcharge,
  "Query.failureOutlook": () => riskSurcharge,
  "Query.riskList": (has) => has("filter") ? filteredSurcharge : 0,
  "Query.riskSummary": () => riskSurcharge,
  "Vehicle.dataQuality": () => surcharge,
  "Vehicle.events": (has) => has("types") ? filteredSurcharge : surcharge,
}

const surchargeOf = (field: FieldNode, parent: GraphQLCompositeType): number => {
  const has = (argument: string) => field.arguments?.some(({ name }) => name.value === argument) ?? false
  return surcharges[`${parent.name}.${field.name.value}`]?.(has) ?? 0
}

const over = (what: string, found: number, limit: number): GraphQLError | undefined =>
  found > limit ? apiError("TOO_COSTLY", `The request's ${what} is ${found}; it may be ${limit}`) : undefined
