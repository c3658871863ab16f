/**
 * A vehicle's state at a revision, as JSON, so that hydration need not read the stream from its start, nor a question
 * about the past. Snapshots are kept, and an archived history ends in one: as with events, each version ever stored
 * stands in `test/domain/vehicle/golden-snapshots.jsonl`.
 */
import { Option, Schema } from "effect"
import { Description, SignalValue } from "./events.ts"
import { isIntervalSet } from "./interval-set.ts"
import { inCurrentShape, type Upcaster } from "./record.ts"
import { initial, type State } from "./state.ts"

/** Raise it when the state's shape or its fold changes, together with an upcaster from the version before. */
export const version = 2

/**
 * The steps from version 1, in order: as many as the current version less one. Where the fold has changed so that no
 * step can tell what it would have made, the step makes `{}`: no snapshot, and the stream is read.
 */
export const upcasters: ReadonlyArray<Upcaster> = [
  // No event there was told of a vehicle's silence.
  (data) => data,
]

export const eventType = "TwinSnapshot"

export const streamOf = (vin: string): string => `snapshot-${vin}`

type JsonObject = { readonly [key: string]: unknown }

const Intervals = Schema.Array(Schema.Int).check(Schema.makeFilter(isIntervalSet))

const Snapshot = Schema.Struct({
  twin: Schema.Struct({
    vin: Schema.String,
    revision: Schema.Int,
    description: Description,
    registeredAt: Schema.optionalKey(Schema.Number),
    online: Schema.Boolean,
    session: Schema.optionalKey(Schema.String),
    presenceAt: Schema.optionalKey(Schema.Number),
    lastSeenAt: Schema.optionalKey(Schema.Number),
    updatedAt: Schema.Number,
    signals: Schema.Record(
      Schema.String,
      Schema.Struct({
        value: Schema.NullOr(SignalValue),
        at: Schema.Number,
        receivedAt: Schema.Number,
        revision: Schema.Int,
        quality: Schema.Literals(["GOOD", "ABNORMAL", "INVALID"]),
      }),
    ),
    troubleCodes: Schema.Record(
      Schema.String,
      Schema.Struct({
        code: Schema.String,
        severity: Schema.Literals(["info", "warning", "critical"]),
        ecu: Schema.optional(Schema.String),
        text: Schema.optional(Schema.String),
        at: Schema.Number,
      }),
    ),
    clockOffsetMs: Schema.optionalKey(Schema.Number),
    silence: Schema.optionalKey(Schema.Literals(["stale", "silent"])),
  }),
  seen: Schema.Struct({
    sessions: Schema.Array(Schema.Tuple([Schema.String, Intervals])),
    recent: Schema.Array(Schema.String),
  }),
  sessions: Schema.Array(Schema.String),
  codeChanges: Schema.Array(Schema.Tuple([Schema.String, Schema.Number])),
})

const decodeSnapshot = Schema.decodeUnknownOption(Snapshot)

export const encode = (state: State): JsonObject => ({
  twin: state.twin,
  seen: { sessions: [...state.seen.sessions], recent: state.seen.recent },
  sessions: state.sessions,
  codeChanges: [...state.codeChanges],
})

/**
 * What tells a snapshot's place without a look at the state: the revision it is of, and when the newest event in it was
 * received.
 */
export const metadata = (state: State, receivedAt: string): JsonObject => ({
  schema: version,
  revision: state.twin.revision,
  receivedAt,
})

/** The state that was stored, in whatever version; none where this is not a whole snapshot of this vehicle. */
export const decode = (vin: string, data: JsonObject, metadata: JsonObject): Option.Option<State> =>
  Option.fromUndefinedOr(inCurrentShape(data, metadata["schema"], version, upcasters)).pipe(
    Option.flatMap(decodeSnapshot),
    Option.filter(({ twin }) => twin.vin === vin),
    Option.map(({ codeChanges, seen, sessions, twin }) => ({
      twin: { ...initial(vin).twin, ...twin, troubleCodes: codes(twin.troubleCodes) },
      seen: { sessions: new Map(seen.sessions), recent: seen.recent },
      sessions,
      codeChanges: new Map(codeChanges),
    })),
  )

/** JSON drops what is undefined; the state's shape has it. */
const codes = (stored: (typeof Snapshot)["Type"]["twin"]["troubleCodes"]): State["twin"]["troubleCodes"] =>
  Object.fromEntries(
    Object.entries(stored).map(([key, { at, code, ecu, severity, text }]) => [key, { at, code, ecu, severity, text }]),
  )
