/** Where the log is, as plain data, so that a worker thread or another process can open it too. */
import { Effect, Layer } from "effect"
import * as Archived from "./archived.ts"
import * as Sqlite from "./sqlite.ts"

export type LogLocation =
  & (
    | { readonly _tag: "Sqlite"; readonly file: string }
    | { readonly _tag: "EventStoreDb"; readonly url: string }
  )
  & {
    /** The folder of the files that old events were moved to. Need not be there where none were. */
    readonly archive: string
  }

/** For the one process that appends to an embedded log, and for any that appends to EventStoreDB. */
export const layer = (location: LogLocation) =>
  Layer.provide(Archived.layer({ folder: location.archive }), layerAsStored(location))

/** For reading beside it. */
export const layerReadOnly = (location: LogLocation) =>
  Layer.provide(Archived.layer({ folder: location.archive }), layerReadOnlyAsStored(location))

/** Without what was moved to the archive: for who moves it. */
export const layerAsStored = (location: LogLocation) =>
  location._tag === "Sqlite" ? Sqlite.layer(location) : eventStoreDb(location)

/** The same, for reading beside it. */
export const layerReadOnlyAsStored = (location: LogLocation) =>
  location._tag === "Sqlite" ? Sqlite.layerReadOnly(location) : eventStoreDb(location)

/** Loaded where it is used alone: the client takes some time and memory. */
const eventStoreDb = (location: { readonly url: string }) =>
  Layer.unwrap(Effect.map(Effect.promise(() => import("./eventstoredb.ts")), ({ layer }) => layer(location)))
