/**
 * A file of the archive: events in the log's order, as Parquet. It is read by the row group, so that memory does not
 * grow with the file; a row group's range of positions stands in its statistics.
 */
import { Effect } from "effect"
import type { FileMetaData } from "hyparquet"
import { open } from "node:fs/promises"
import { zstdDecompressSync } from "node:zlib"
import { ArchiveFileUnreadable, EventStoreUnavailable } from "./errors.ts"
import type { RecordedEvent } from "./event-store.ts"
import type { Position } from "./position.ts"

export interface RowGroup {
  readonly rowStart: number
  /** Exclusive. */
  readonly rowEnd: number
  readonly firstPosition: Position
  readonly lastPosition: Position
}

export interface ArchiveFile {
  readonly rowGroups: ReadonlyArray<RowGroup>
  /** The row group's streams, row by row: far cheaper than its events. */
  readonly streams: (group: RowGroup) => Effect.Effect<ReadonlyArray<string>, EventStoreUnavailable>
  readonly events: (group: RowGroup) => Effect.Effect<ReadonlyArray<RecordedEvent>, EventStoreUnavailable>
}

const columns = ["position", "stream", "revision", "id", "type", "created", "data", "metadata"] as const

/** In one piece, without the many small buffers that it would else make. */
export const compressors = {
  ZSTD: (input: Uint8Array, length: number) => zstdDecompressSync(input, { chunkSize: Math.max(64, length) }),
}

/** Opened until the scope closes. */
export const openFile = Effect.fnUntraced(function*(path: string) {
  const reading = <A>(read: () => Promise<A>) =>
    Effect.tryPromise({
      try: read,
      catch: (cause) =>
        new EventStoreUnavailable({
          operation: "read",
          cause: new ArchiveFileUnreadable({ file: path, cause }),
        }),
    })
  const handle = yield* Effect.acquireRelease(
    reading(() => open(path)),
    (opened) => Effect.promise(() => opened.close().catch(() => undefined)),
  )
  // Loaded only where there is an archive.
  const { parquetMetadataAsync, parquetScan } = yield* Effect.promise(() => import("hyparquet"))
  const { metadata, scan } = yield* reading(async () => {
    const { size } = await handle.stat()
    const file = {
      byteLength: size,
      slice: async (start: number, end = size) => {
        const buffer = new ArrayBuffer(Math.max(0, end - start))
        const { bytesRead } = await handle.read(new Uint8Array(buffer), 0, buffer.byteLength, start)
        if (bytesRead < buffer.byteLength) throw new Error("it ends too early")
        return buffer
      },
    }
    const metadata = await parquetMetadataAsync(file)
    return { metadata, scan: await parquetScan({ file, metadata, columns: [...columns], compressors }) }
  })
  const rowGroups = yield* reading(async () => rowGroupsOf(metadata))

  const column = (name: (typeof columns)[number], { rowEnd, rowStart }: RowGroup) =>
    scan.readColumn({ column: name, rowStart, rowEnd })

  return {
    rowGroups,
    streams: (group) => reading(async () => Array.from(await column("stream", group), String)),
    events: (group) =>
      reading(async () => toEvents(group, await Promise.all(columns.map((name) => column(name, group))))),
  } satisfies ArchiveFile
})

const rowGroupsOf = ({ row_groups }: FileMetaData): ReadonlyArray<RowGroup> => {
  let rowEnd = 0
  return row_groups.map((group) => {
    const rowStart = rowEnd
    rowEnd += Number(group.num_rows)
    const position = group.columns.find(({ meta_data }) => meta_data?.path_in_schema.join(".") === "position")
    const { max_value, min_value } = position?.meta_data?.statistics ?? {}
    if (typeof min_value !== "string" || typeof max_value !== "string") throw new Error("it has no positions")
    return { rowStart, rowEnd, firstPosition: min_value as Position, lastPosition: max_value as Position }
  })
}

const toEvents = (
  { rowEnd, rowStart }: RowGroup,
  [positions, streams, revisions, ids, types, createds, datas, metadatas]: ReadonlyArray<ArrayLike<unknown>>,
): ReadonlyArray<RecordedEvent> => {
  const events: Array<RecordedEvent> = []
  for (let i = 0; i < rowEnd - rowStart; i++) {
    const [data, metadata] = [objectIn(datas?.[i]), objectIn(metadatas?.[i])]
    events.push({
      position: String(positions?.[i]) as Position,
      stream: String(streams?.[i]),
      revision: Number(revisions?.[i]),
      id: String(ids?.[i]),
      type: String(types?.[i]),
      created: Number(createds?.[i]),
      data,
      metadata,
    })
  }
  return events
}

/** A column of JSON comes parsed. */
const objectIn = (value: unknown): RecordedEvent["data"] => {
  if (typeof value === "object" && value !== null) return value as RecordedEvent["data"]
  throw new Error("an event is no JSON object")
}
