/** A projection with its row's type put away, so that different ones stand in one list. */
import type { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { KeyedProjection } from "../../projections/keyed-projection.ts"
import type { Declaration, Projection } from "../../projections/projection.ts"
import { type Checkpoint, tableOf } from "./checkpoints.ts"
import { type AnyFolding, type Change, Folding } from "./folding.ts"
import { KeyedFolding } from "./keyed-folding.ts"
import { Table } from "./table.ts"

export interface Projected {
  readonly name: string
  readonly version: number
  readonly create: (sql: SqlClient.SqlClient, checkpoint: Checkpoint) => Effect.Effect<void, SqlError.SqlError>
  readonly open: (sql: SqlClient.SqlClient, checkpoint: Checkpoint, cachedVehicles: number) => AnyFolding
}

/** `told` hears, after each commit, what has changed in the served table. */
export const projected = <Row extends object>(
  projection: Projection<Row>,
  told?: (changes: ReadonlyArray<Change<Row>>) => void,
): Projected => ({
  ...declared(projection),
  open: (sql, checkpoint, cachedVehicles) =>
    new Folding(sql, new Table(sql, projection), projection, checkpoint, cachedVehicles, told),
})

export const keyed = <Row extends object, Input>(projection: KeyedProjection<Row, Input>): Projected => ({
  ...declared(projection),
  open: (sql, checkpoint, cachedVehicles) =>
    new KeyedFolding(sql, new Table(sql, projection), projection, checkpoint, cachedVehicles),
})

const declared = <Row extends object>(
  declaration: Declaration<Row>,
): Pick<Projected, "name" | "version" | "create"> => ({
  name: declaration.name,
  version: declaration.version,
  create: (sql, checkpoint) => new Table(sql, declaration).create(tableOf(checkpoint), `${checkpoint.generation}`),
})
