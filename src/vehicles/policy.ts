/** How a vehicle's actor lives. All of it is here. */
import { Duration, Schedule } from "effect"

export const policy = {
  /** An actor with nothing to do for so long is passivated: its twin is in the log. */
  passivateAfter: Duration.minutes(10),
  /** How often idle actors are looked for. */
  sweepEvery: Duration.seconds(15),
  /**
   * Twins kept in memory, about 3 KB each at ten signals. Past this, the one idle for longest makes room; with none
   * idle there are more for a while, bounded by what the ways in let be under way.
   */
  maxResident: 200_000,
  /** Events between two snapshots, if nothing else is said: what hydration reads at most beside the snapshot. */
  snapshotEvery: 250,
  /** Snapshots written at once. More wait, and nobody waits for them. */
  snapshotsAtOnce: 4,
  /** Messages and commands decided in one turn, so that one append stays well under the store's limit. */
  maxTurn: 256,
  /** A turn that ends in a defect is tried so often before what it was about is refused. */
  attempts: 3,
  /** Between tries while the log is out of reach. */
  backoff: Schedule.jittered(Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")])),
}
