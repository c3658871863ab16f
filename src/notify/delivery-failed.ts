import { Schema } from "effect"

/** Something was not delivered this time. */
export class DeliveryFailed extends Schema.TaggedError<DeliveryFailed>()("DeliveryFailed", {
  /** In words, for whoever looks after the receiver. */
  reason: Schema.String,
  /**
   * For how long trying again makes sense: a `day` where the receiver is away or overloaded, an `hour` where it refuses
   * and somebody may be about to mend it, `never` where it says for good that it will not.
   */
  worthTrying: Schema.Literals(["day", "hour", "never"]),
  /** How long the receiver asks to be left alone, ms. */
  retryAfter: Schema.optionalKey(Schema.Finite),
}) {
  override get message() {
    return this.reason
  }
}
