/** What a stream's metadata says of what may be read of it. */

/** The revision that a tombstone takes, and the `$tb` that marks a stream as softly deleted. */
export const deletedRevision = 2n ** 63n - 1n

export interface StreamMetadata {
  readonly truncateBefore: bigint | undefined
  readonly maxCount: bigint | undefined
}

export const noMetadata: StreamMetadata = { truncateBefore: undefined, maxCount: undefined }

export const metastreamOf = (stream: string) => `$$${stream}`

export const isMetastream = (stream: string) => stream.startsWith("$$")

/** Metadata that the server cannot read counts as none, also where a number is past 64 bits. */
export const parseMetadata = (data: Uint8Array): StreamMetadata => {
  const text = Buffer.from(data).toString("utf8")
  const parsed = jsonObject(text)
  if (parsed === undefined) return noMetadata
  const truncateBefore = "$tb" in parsed ? integer(text, "$tb") : undefined
  const maxCount = "$maxCount" in parsed ? integer(text, "$maxCount") : undefined
  if (truncateBefore === "bad" || maxCount === "bad") return noMetadata
  return { truncateBefore, maxCount }
}

/** The same metadata with another `$tb`, or nothing where it is not a JSON object. */
export const withTruncateBefore = (data: Uint8Array, revision: bigint): Uint8Array | undefined => {
  const parsed = jsonObject(Buffer.from(data).toString("utf8"))
  return parsed === undefined ? undefined : Buffer.from(JSON.stringify({ ...parsed, $tb: Number(revision) }))
}

export const softlyDeleted: Uint8Array = Buffer.from(`{"$tb":${deletedRevision}}`)

const jsonObject = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Read from the text, since the mark of a deleted stream is no number that JavaScript holds exactly. */
const integer = (text: string, key: string): bigint | "bad" => {
  const digits = new RegExp(`"\\${key}"\\s*:\\s*(\\d+)\\s*[,}]`).exec(text)?.[1]
  if (digits === undefined) return "bad"
  const value = BigInt(digits)
  return value <= deletedRevision ? value : "bad"
}
