/** Reads Parquet files, a group of rows in memory at a time. */
import { Effect, Schema, Stream } from "effect"
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet"
import { compressors } from "../eventstore/archive-file.ts"
import { reasonOf } from "../eventstore/errors.ts"

export class ParquetUnreadable extends Schema.TaggedError<ParquetUnreadable>()("ParquetUnreadable", {
  file: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `${this.file} cannot be read as Parquet: ${reasonOf(this.cause)}`
  }
}

/** A row by its columns' names: strings, numbers, booleans, bigints (BIGINT), RFC 3339 (TIMESTAMP), what JSON holds, null. */
export type Row = Readonly<Record<string, unknown>>

const parsers = {
  timestampFromMilliseconds: (millis: bigint) => new Date(Number(millis)).toISOString(),
  timestampFromMicroseconds: (micros: bigint) => new Date(Number(micros / 1_000n)).toISOString(),
  timestampFromNanoseconds: (nanos: bigint) => new Date(Number(nanos / 1_000_000n)).toISOString(),
}

/** How many rows a file has, and its columns' names. */
export const describe = Effect.fnUntraced(function*(file: string) {
  const metadata = yield* attempt(file, async () => parquetMetadataAsync(await asyncBufferFromFile(file)))
  return { rows: Number(metadata.num_rows), columns: metadata.schema.slice(1).map(({ name }) => name) }
})

/** A file's rows in its order, group by group; one is in memory at a time. */
export const readGroups = (file: string): Stream.Stream<ReadonlyArray<Row>, ParquetUnreadable> =>
  Stream.unwrap(Effect.gen(function*() {
    const buffer = yield* attempt(file, () => asyncBufferFromFile(file))
    const metadata = yield* attempt(file, () => parquetMetadataAsync(buffer))
    let end = 0
    const groups = metadata.row_groups.map(({ num_rows }) => ({ rowStart: end, rowEnd: end += Number(num_rows) }))
    return Stream.fromIterable(groups).pipe(
      Stream.mapEffect((range) =>
        attempt(file, (): Promise<ReadonlyArray<Row>> =>
          parquetReadObjects({ file: buffer, metadata, compressors, parsers, ...range }))
      ),
    )
  }))

const attempt = <A>(file: string, run: () => Promise<A>): Effect.Effect<A, ParquetUnreadable> =>
  Effect.tryPromise({ try: run, catch: (cause) => new ParquetUnreadable({ file, cause }) })
