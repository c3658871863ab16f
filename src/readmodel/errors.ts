import { Schema } from "effect"

/** The read model's database did not answer, or not with success. */
export class ReadModelUnavailable extends Schema.TaggedError<ReadModelUnavailable>()("ReadModelUnavailable", {
  operation: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `The read model did not ${this.operation}: ${String(this.cause)}`
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
