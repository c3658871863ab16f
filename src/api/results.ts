/** What a mutation may answer with beside its payload: errors that a client can do something about. */
import { GraphQLError } from "graphql"
import { builder } from "./builder.ts"
import { type ErrorCode, errorCodes } from "./errors.ts"

const ErrorCodeEnum = builder.enumType("ErrorCode", {
  description: "As in `extensions.code` of the errors that come beside data.",
  values: errorCodes,
})

export interface Failure {
  readonly code: ErrorCode
  readonly message: string
}

const ErrorInterface = builder.interfaceRef<Failure>("Error").implement({
  description: "Why something was not done.",
  fields: (t) => ({
    message: t.exposeString("message", { description: "What went wrong, in words." }),
    code: t.field({ type: ErrorCodeEnum, description: "What went wrong, for programs.", resolve: ({ code }) => code }),
  }),
})

const failure = (name: string, description: string) =>
  builder.objectRef<Failure>(name).implement({ description, interfaces: [ErrorInterface] })

const BadInputError = failure("BadInputError", "What was asked for makes no sense.")
const NotFoundError = failure("NotFoundError", "What it is about is not there.")
const ConflictError = failure("ConflictError", "Somebody else changed it first: read it again and decide anew.")

/** By code, the types of errors that stand in a result; all other errors come beside the data. */
const typeNames: Partial<Record<ErrorCode, string>> = {
  BAD_INPUT: "BadInputError",
  NOT_FOUND: "NotFoundError",
  CONFLICT: "ConflictError",
}

const isFailure = (result: object): result is Failure => "code" in result && "message" in result

/** A mutation's result: its payload, or why there is none. */
export const resultUnion = <Payload extends { readonly clientMutationId: string | null }>(
  name: string,
  payload: ReturnType<typeof builder.objectRef<Payload>>,
) =>
  builder.unionType(name, {
    description: "What was done, or why nothing was.",
    types: [payload, BadInputError, NotFoundError, ConflictError],
    resolveType: (result) => isFailure(result) ? typeNames[result.code] : payload.name,
  })

/** Errors that stand in a result become values; the rest stay errors. */
export const orFailure = async <A>(attempt: () => Promise<A>): Promise<A | Failure> => {
  try {
    return await attempt()
  } catch (error) {
    const code = error instanceof GraphQLError ? errorCodes.find((_) => _ === error.extensions["code"]) : undefined
    if (error instanceof GraphQLError && code !== undefined && typeNames[code] !== undefined) {
      return { code, message: error.message }
    }
    throw error
  }
}
