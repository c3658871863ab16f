/** Relay's connections: arguments to pages, slices to edges. */
import type { Page, Slice } from "../readmodel/read-model.ts"
import { badInput } from "./errors.ts"

export const defaultSize = 20
export const maxSize = 200

export interface ConnectionArgs {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
  readonly last?: number | null | undefined
  readonly before?: string | null | undefined
}

export interface Connection<Node> {
  readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: Node }>
  readonly pageInfo: {
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
    readonly startCursor: string | null
    readonly endCursor: string | null
  }
}

export interface Size {
  /** 0 to `maxSize`. */
  readonly size: number
  readonly backwards: boolean
}

/** Throws `BAD_INPUT`. */
export const sizeOf = ({ first, last }: ConnectionArgs): Size => {
  if (typeof first === "number" && typeof last === "number") throw badInput("Give `first` or `last`, not both")
  const name = typeof last === "number" ? "last" : "first"
  const size = last ?? first ?? defaultSize
  if (size < 0 || size > maxSize) throw badInput(`\`${name}\` is ${size}; it may be 0 to ${maxSize}`)
  return { size, backwards: name === "last" }
}

type Key = ReadonlyArray<string | number | null>

/** A list in one order. Its cursors bear its name, so that a cursor of another one is refused. */
export interface List {
  readonly name: string
  /** The columns that tell a row's place. */
  readonly columns: number
}

export const encodeKey = ({ name }: List, key: Key): string =>
  Buffer.from(JSON.stringify([name, ...key])).toString("base64url")

/** Throws `BAD_INPUT`. */
export const decodeKey = (list: List, cursor: string): Key => {
  const key = parseJson(Buffer.from(cursor, "base64url").toString("utf8"))
  const isKey = Array.isArray(key) && key.length === 1 + list.columns && key[0] === list.name
    && key.every((part) => part === null || typeof part === "string" || typeof part === "number")
  if (!isKey) throw badInput(`The cursor ${JSON.stringify(cursor.slice(0, 80))} is not of this list in this order`)
  return key.slice(1)
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Throws `BAD_INPUT`. A page of none is read as one of one, to tell whether there is more. */
export const pageOf = (list: List, args: ConnectionArgs): Page => {
  const { size, backwards } = sizeOf(args)
  return {
    limit: Math.max(size, 1),
    backwards,
    ...(typeof args.after === "string" && { after: decodeKey(list, args.after) }),
    ...(typeof args.before === "string" && { before: decodeKey(list, args.before) }),
  }
}

export const connectionOf = <Row>(list: List, args: ConnectionArgs, slice: Slice<Row>): Connection<Row> => {
  const { size, backwards } = sizeOf(args)
  const rows = size === 0 ? [] : slice.rows
  const hasMore = slice.hasMore || rows.length < slice.rows.length
  const edges = rows.map(({ row, key }) => ({ cursor: encodeKey(list, key), node: row }))
  return {
    edges,
    pageInfo: {
      // A cursor names a row: on the side that was not read from there is at least that one.
      hasNextPage: backwards ? typeof args.before === "string" : hasMore,
      hasPreviousPage: backwards ? hasMore : typeof args.after === "string",
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}
