/** PostgreSQL's errors, with what the server or the network said. */
import { SqlError } from "effect/sql"

/** The server's code (SQLSTATE), or that of the operating system or of TLS. */
export const codeOf = ({ reason: { cause } }: SqlError.SqlError): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

/** Not the whole cause, where a URL that cannot be read would show itself. */
export const whatOf = (error: SqlError.SqlError): string => {
  const { cause } = error.reason
  const code = codeOf(error)
  if (code === "ERR_INVALID_URL" || !(cause instanceof Error)) return error.message
  // That of several addresses tried, each with its error, is empty.
  return cause.message === "" ? code : cause.message
}

/** No connection, or none any more: the server shuts down (57P), is full (53300), or out of reach. */
export const isUnreachable = (error: unknown): error is SqlError.SqlError =>
  error instanceof SqlError.SqlError &&
  (error.reason._tag === "ConnectionError" || /^(?:57P|53300)/.test(codeOf(error)))

/** The client's own words leave out why there is no connection. */
export const told = (error: SqlError.SqlError): SqlError.SqlError => {
  if (!isUnreachable(error) || error.message.startsWith("PostgreSQL")) return error
  const { cause, operation } = error.reason
  const message = `PostgreSQL cannot be reached: ${whatOf(error)}`
  return new SqlError.SqlError({
    reason: new SqlError.ConnectionError({ cause, message, ...(operation !== undefined && { operation }) }),
  })
}
