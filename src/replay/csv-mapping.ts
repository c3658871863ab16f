/**
 * How the columns of a CSV file become telemetry: a JSON file that its user writes once for a data set. Its shape is
 * here; whether it fits the signal catalogue and a file's columns is checked in `csv-columns.ts`.
 * `csv-mapping.schema.json` is printed from here, for editors and other tools.
 */
import { Effect, FileSystem, Result, Schema, SchemaIssue } from "effect"
import { Description } from "../../domain/vehicle/events.ts"

const Name = Schema.NonEmptyString
const Scalar = Schema.Union([Schema.Finite, Schema.Boolean, Schema.String])

/** Where there is no header, columns are named by their number from 1: `"3"`. */
const Column = Name.annotate({ description: "A column, by its name in the header, or by its number from 1" })

const VinColumn = Schema.Struct({
  column: Column,
  lookup: Schema.optionalKey(Schema.Record(Schema.String, Schema.String).annotate({
    description: "The VIN of each id that the column may hold; left out where the column holds VINs",
  })),
})

const Time = Schema.Struct({
  column: Column,
  format: Name.annotate({
    description: "iso, epoch-s, epoch-ms, or a pattern of yyyy M MM d dd H HH h hh m mm s ss S a (am or pm) and 'text', "
      + "such as yyyy-MM-dd HH:mm:ss",
  }),
  timeZone: Schema.optionalKey(Name.annotate({
    description: "The IANA time zone of times that have none of their own, such as Asia/Shanghai; UTC for UTC",
  })),
  ambiguous: Schema.optionalKey(Schema.Literals(["refuse", "earlier", "later"]).annotate({
    description: "Which instant a time means that comes twice, when clocks go back. By default such a row is refused",
  })),
})

const conversion = {
  scale: Schema.optionalKey(Schema.Finite.annotate({ description: "The number is multiplied by this, 1 by default" })),
  offset: Schema.optionalKey(Schema.Finite.annotate({ description: "Then this is added, 0 by default" })),
  round: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })).annotate({
      description: "Then it is rounded to so many places after the point; 0 for a signal of whole numbers",
    }),
  ),
  values: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.NullOr(Scalar)).annotate({
      description: "The value that each text of the column stands for; null where it means none. Others are errors",
    }),
  ),
  skip: Schema.optionalKey(
    Schema.Array(Schema.String).annotate({
      description: "Texts that mean no reading, besides an empty one: NaN, 65535. Numbers match however they are written. "
        + "An array with such an element is left out as a whole",
    }),
  ),
}

/** Exactly one of `column`, `columns` and `value` is given. */
const SignalMapping = Schema.Struct({
  column: Schema.optionalKey(Column),
  columns: Schema.optionalKey(
    Schema.Union([Name, Schema.Array(Column).check(Schema.isMinLength(1))]).annotate({
      description: "The elements of an array in order: names, or a pattern such as V_{1..96}",
    }),
  ),
  value: Schema.optionalKey(
    Schema.Union([Scalar, Schema.Array(Scalar)]).annotate({ description: "The same in every row" }),
  ),
  split: Schema.optionalKey(Name.annotate({ description: "What parts the elements of an array in the one column" })),
  ...conversion,
})

export const CsvMapping = Schema.Struct({
  $schema: Schema.optionalKey(Schema.String),
  vin: Schema.Union([Name, VinColumn]).annotate({ description: "The vehicle: a VIN for the whole file, or a column" }),
  at: Time.annotate({ description: "When the readings of a row were taken" }),
  id: Schema.optionalKey(Column.annotate({
    description: "A column that tells a vehicle's rows apart. Left out: rows are told apart by vehicle, time and content",
  })),
  delimiter: Schema.optionalKey(
    Name.check(Schema.isMaxLength(4)).annotate({ description: "Between two columns, a comma by default" }),
  ),
  decimal: Schema.optionalKey(Schema.Literals([".", ","]).annotate({ description: "The decimal point, . by default" })),
  header: Schema.optionalKey(Schema.Boolean.annotate({ description: "Whether the first row has names; true by default" })),
  vehicle: Schema.optionalKey(Description.annotate({
    description: "Vehicles that are not registered yet are registered with this",
  })),
  signals: Schema.Record(Schema.String, SignalMapping).check(Schema.isMinProperties(1)).annotate({
    description: "Signals by their path in the catalogue, in its unit, and where they come from",
  }),
}).annotate({ title: "Mapping of a CSV file to telemetry" })

export type CsvMapping = typeof CsvMapping.Type
export type SignalMapping = typeof SignalMapping.Type

/** All that is wrong with a mapping, a line each. */
export class MappingInvalid extends Schema.TaggedError<MappingInvalid>()("MappingInvalid", {
  file: Schema.String,
  problems: Schema.Array(Schema.String),
}) {
  override get message() {
    return this.problems.map((problem) => `${this.file}: ${problem}`).join("\n")
  }
}

const decode = Schema.decodeUnknownResult(CsvMapping, { onExcessProperty: "error", errors: "all" })
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** `["signals", "Vehicle.Speed", "scale"]` as `signals["Vehicle.Speed"].scale`. */
export const jsonPath = (keys: ReadonlyArray<string | number>): string =>
  keys.map((key, i) => typeof key === "string" && /^[A-Za-z_$]\w*$/.test(key) ? `${i === 0 ? "" : "."}${key}` : `[${JSON.stringify(key)}]`)
    .join("")

export const parseMapping = (file: string, text: string): Result.Result<CsvMapping, MappingInvalid> => {
  const parsed = Result.try((): unknown => JSON.parse(text))
  if (Result.isFailure(parsed)) {
    return Result.fail(new MappingInvalid({ file, problems: [`not JSON: ${String(parsed.failure)}`] }))
  }
  return Result.mapError(decode(parsed.success), (error) =>
    new MappingInvalid({
      file,
      problems: issuesOf(error.issue).issues.map(({ message, path = [] }) =>
        `at ${jsonPath(path.map((key) => typeof key === "number" ? key : String(key))) || "the top"}: ${
          message.replaceAll(/\s*\n\s*/g, " ")
        }`
      ),
    }))
}

export const readMapping = Effect.fnUntraced(function*(file: string) {
  const text = yield* (yield* FileSystem.FileSystem).readFileString(file).pipe(
    Effect.mapError(({ message }) => new MappingInvalid({ file, problems: [`cannot be read: ${message}`] })),
  )
  return yield* Effect.fromResult(parseMapping(file, text))
})
