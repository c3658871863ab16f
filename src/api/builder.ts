/** The schema's builder: scalars, the rules of nullability, Relay's ids and connections. */
import SchemaBuilder from "@pothos/core"
import RelayPlugin from "@pothos/plugin-relay"
import type { SignalValue } from "../../domain/signals/signal.ts"
import type { Position } from "../eventstore/position.ts"
import type { ApiContext } from "./context.ts"
import { badInput } from "./errors.ts"
import { defaultSize, maxSize } from "./paging.ts"
import * as Scalars from "./scalars.ts"

interface Scalar<A> {
  readonly Input: A
  readonly Output: A
}

export interface SchemaTypes {
  Context: ApiContext
  DefaultFieldNullability: false
  DefaultEdgesNullability: false
  DefaultNodeNullability: false
  Scalars: {
    ID: Scalar<string>
    /** Epoch ms. */
    DateTime: Scalar<number>
    Long: Scalar<number>
    SignalValue: Scalar<SignalValue>
    Cursor: Scalar<Position>
    JSON: Scalar<unknown>
  }
}

const nodeTypes: ReadonlySet<string> = new Set(["Vehicle", "Alert", "Event", "Trip"])

/** `Vehicle:<VIN>`, `Alert:<VIN>:<alert>`, `Event:<VIN>:<revision>`, `Trip:<VIN>:<start>`, in base64. */
export const encodeId = (typename: string, id: string): string => Buffer.from(`${typename}:${id}`).toString("base64")

/** Throws `BAD_INPUT`. */
export const decodeId = (globalId: string): { readonly typename: string; readonly id: string } => {
  const [, typename, id] = /^(\w+):(.+)$/s.exec(Buffer.from(globalId, "base64").toString()) ?? []
  if (typename === undefined || id === undefined || !nodeTypes.has(typename)) {
    throw badInput(`${JSON.stringify(globalId.slice(0, 80))} is not the id of anything here`)
  }
  return { typename, id }
}

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    encodeGlobalID: (typename, id) => encodeId(typename, String(id)),
    decodeGlobalID: decodeId,
    cursorType: "String",
    edgesFieldOptions: { nullable: false, description: "What is on this page." },
    nodeFieldOptions: { nullable: false, description: "What is at this place." },
    nodesQueryOptions: false,
    nodeTypeOptions: { description: "Whatever has an id that `node` finds it by." },
    nodeQueryOptions: {
      description: "A vehicle, alert, event or trip by its id; null where there is none.",
      args: { id: { description: "As in the field `id`." } },
    },
    pageInfoTypeOptions: { description: "Where a page stands in its list." },
    hasNextPageFieldOptions: { description: "Whether more follow." },
    hasPreviousPageFieldOptions: { description: "Whether more come before." },
    startCursorFieldOptions: { description: "Of the first edge: `before` it is the page before." },
    endCursorFieldOptions: {
      description: "`after` it is the next page. Of the last edge; for filtered events it may lie past it.",
    },
    pageInfoFieldOptions: { description: "Where this page stands." },
    cursorFieldOptions: { description: "This place in the list." },
    firstArgOptions: { description: `So many from the start, ${defaultSize} by default, at most ${maxSize}.` },
    lastArgOptions: { description: `So many from the end, at most ${maxSize}; not together with \`first\`.` },
    afterArgOptions: { description: "Only what follows on this cursor." },
    beforeArgOptions: { description: "Only what comes before this cursor." },
  },
})

builder.addScalarType("DateTime", Scalars.DateTime)
builder.addScalarType("Long", Scalars.Long)
builder.addScalarType("SignalValue", Scalars.SignalValue)
builder.addScalarType("Cursor", Scalars.Cursor)
builder.addScalarType("JSON", Scalars.Json)
builder.queryType({ description: "What is there, as the read model has it." })
builder.mutationType({
  description: "What can be done. Each answers once it is durable, with the state as it then is.",
})
builder.subscriptionType({ description: "What changes, as it changes. Over server-sent events or `graphql-ws`." })

/** What every connection says of itself. */
export const connectionOptions = (type: string, of: string) => ({
  name: `${type}Connection`,
  description: `A page of ${of}.`,
})
export const edgeOptions = (type: string, of: string) => ({
  name: `${type}Edge`,
  description: `One of the ${of}, and its place in the list.`,
})
export const totalText = "How many there are in all pages."
