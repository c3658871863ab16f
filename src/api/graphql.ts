/**
 * The schema as it is executed, the same over HTTP and over `graphql-ws`: limits before, masked errors after, each
 * request with a context of its own.
 */
import { renderGraphiQL } from "@graphql-yoga/render-graphiql"
import type { Context } from "effect"
import { getOperationAST, GraphQLError, type ParseOptions, parse as parseDocument, type Source } from "graphql"
import { createYoga, type Plugin } from "graphql-yoga"
import * as ApiContexts from "./context.ts"
import { apiError, type Log, mask } from "./errors.ts"
import { limits, tooCostly } from "./limits.ts"
import * as Metrics from "./metrics.ts"
import { schema } from "./schema.ts"

export const path = "/graphql"

/** Over HTTP a request brings its own signal. */
interface Initial extends Record<string, unknown> {
  readonly signal?: AbortSignal
}

export const make = (captured: ApiContexts.Captured) =>
  createYoga<Initial, ApiContexts.ApiContext & Record<string, unknown>>({
    schema,
    graphqlEndpoint: path,
    // With its own streams the end of an idle subscription would be noticed only at the next ping.
    fetchAPI: { Request, Response, Headers, ReadableStream },
    context: ({ signal, request }) => ({ ...ApiContexts.make(captured, signal ?? request.signal) }),
    maskedErrors: { maskError: (error) => mask(error, captured.log) },
    maxRequestBodySize: limits.bodyBytes,
    plugins: [onlyJson, withLimits, measured(captured.services), coded(captured.log)],
    renderGraphiQL,
    graphiql: { title: "vehicle-twin", defaultQuery },
    // No page of another origin may read, and, since a form cannot send JSON, none may write.
    cors: false,
    multipart: false,
    landingPage: false,
    logging: false,
  })

export type Yoga = ReturnType<typeof make>

/** The type itself, not a parameter: a page of another origin may send a form with any parameter. */
const json = /^application\/(graphql\+)?json\s*(;|$)/i

const onlyJson: Plugin = {
  onRequest: ({ request, endResponse, fetchAPI }) => {
    if (request.method !== "POST" || json.test(request.headers.get("content-type") ?? "")) return
    const error = apiError("BAD_INPUT", "Send application/json")
    endResponse(new fetchAPI.Response(JSON.stringify({ errors: [error] }), {
      status: 415,
      headers: { "content-type": "application/json" },
    }))
  },
}

const parse = (source: string | Source, options?: ParseOptions) => {
  try {
    return parseDocument(source, { ...options, maxTokens: limits.tokens })
  } catch (error) {
    if (error instanceof GraphQLError && error.message.includes(`${limits.tokens} tokens`)) {
      throw apiError("TOO_COSTLY", `The document has more than ${limits.tokens} tokens`)
    }
    throw error
  }
}

const withLimits: Plugin = {
  onParse: ({ setParseFn }) => setParseFn(parse),
  onExecute: ({ args, setResultAndStopExecution }) => {
    const error = tooCostly(args.schema, args.document, args.operationName, args.variableValues ?? {})
    if (error !== undefined) setResultAndStopExecution({ errors: [error] })
  },
  onSubscribe: ({ args, setResultAndStopExecution }) => {
    const error = tooCostly(args.schema, args.document, args.operationName, args.variableValues ?? {})
    if (error !== undefined) setResultAndStopExecution({ errors: [error] })
  },
}

/** Not all errors pass `maskError`: those of variables and of validation do not. */
const coded = (log: Log): Plugin => ({
  onExecutionResult: ({ result, setResult }) => {
    if (result !== undefined && "errors" in result && result.errors !== undefined) {
      setResult({ ...result, errors: result.errors.map((error) => mask(error, log)) })
    }
  },
})

const measured = (services: Context.Context<never>): Plugin => ({
  onExecute: ({ args }) => {
    const start = performance.now()
    const operation = getOperationAST(args.document, args.operationName)?.operation
    const seconds = operation === "mutation" ? Metrics.mutationSeconds : Metrics.querySeconds
    return { onExecuteDone: () => seconds.updateUnsafe((performance.now() - start) / 1_000, services) }
  },
})

const defaultQuery = `# The fleet, its health, and what needs attention.
query Fleet {
  vehicles(first: 10) {
    totalCount
    edges {
      node {
        vin
        brand
        model
        online
        lastSeenAt
        signals(paths: ["Vehicle.Speed", "Vehicle.TraveledDistance"]) { path value unit quality }
        health { component score evidence { text } }
        alerts { component urgency summary }
      }
    }
  }
}

# Run this one to see changes as they come.
subscription Live {
  vehicleChanged {
    vehicle { vin online }
    signals { path value unit at }
  }
}
`
