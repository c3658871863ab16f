/**
 * The signals a twin may have, by path. The default holds the standard signals and the overlay; a whole release of VSS
 * widens it (see `vss.ts`).
 */
import { nearestPath } from "./nearest-path.ts"
import { overlay } from "./overlay.ts"
import { define, type SignalDefinition } from "./signal.ts"
import { standardSignals } from "./standard-signals.ts"

export interface Catalogue {
  readonly get: (path: string) => SignalDefinition | undefined
  /** In the order given, each path once. */
  readonly all: ReadonlyArray<SignalDefinition>
  readonly size: number
  /**
   * The known path that an unknown one may have meant, for an error message. It compares the path with every known one,
   * about a millisecond over a whole release of VSS; the answers to recent ones are kept.
   */
  readonly suggest: (path: string) => string | undefined
}

/** Of two definitions with the same path the later one holds. */
export const make = (definitions: Iterable<SignalDefinition>): Catalogue => {
  const byPath = new Map<string, SignalDefinition>()
  for (const definition of definitions) byPath.set(definition.path, definition)
  return {
    get: (path) => byPath.get(path),
    all: [...byPath.values()],
    size: byPath.size,
    suggest: nearestPath([...byPath.keys()]),
  }
}

export const catalogue: Catalogue = make([...standardSignals, ...overlay])

/**
 * A release of VSS with what this project knows besides: the release says what a signal is, the standard signals how
 * far it must change to matter and how soon it is stale. Standard signals that the release lacks stay, and the
 * overlay's paths are the overlay's, so that no path the default catalogue knows is unknown here.
 */
export const withRelease = (release: ReadonlyArray<SignalDefinition>): Catalogue => {
  const tuned = release.map((signal) => {
    const standard = catalogue.get(signal.path)
    if (standard === undefined) return signal
    return define({ ...signal, deadband: standard.deadband, staleAfter: standard.staleAfter })
  })
  return make([...standardSignals, ...tuned, ...overlay])
}
