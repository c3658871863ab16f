/**
 * A stream's elements taken batch by batch, as they come. `Stream.mapArray` does so where no batch can become empty; and
 * elements one at a time cost more than all that is done with them here.
 */
import { type Array, Effect, type Pull, Stream } from "effect"

export const mapBatches = <A, B, E2 = never>(
  change: (batch: Array.NonEmptyReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E2>,
) =>
<E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<B, E | E2, R> =>
  Stream.transformPull(self, (pull) => {
    const next: Pull.Pull<Array.NonEmptyReadonlyArray<B>, E | E2> = pull.pipe(
      Effect.flatMap(change),
      Effect.flatMap((changed) => isNonEmpty(changed) ? Effect.succeed(changed) : next),
    )
    return Effect.succeed(next)
  })

const isNonEmpty = <A>(values: ReadonlyArray<A>): values is Array.NonEmptyReadonlyArray<A> => values.length > 0
