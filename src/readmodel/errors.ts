import { Schema } from "effect"
import { reasonOf } from "../eventstore/errors.ts"

/** The read model's database did not answer, or not with success. */
export class ReadModelUnavailable extends Schema.TaggedError<ReadModelUnavailable>()("ReadModelUnavailable", {
  operation: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `The read model did not ${this.operation}: ${reasonOf(this.cause)}`
  }
}

export class UnknownProjection extends Schema.TaggedError<UnknownProjection>()("UnknownProjection", {
  name: Schema.String,
  known: Schema.Array(Schema.String),
}) {
  override get message() {
    return `There is no projection ${this.name}; there are ${this.known.join(", ")}`
  }
}

/** A service that is newer than this one is at work on the same database. */
export class ServedByNewerVersion extends Schema.TaggedError<ServedByNewerVersion>()("ServedByNewerVersion", {
  name: Schema.String,
  version: Schema.Int,
  served: Schema.Int,
}) {
  override get message() {
    return `The table of ${this.name} is of version ${this.served}, which is newer than the ${this.version} known here`
  }
}
