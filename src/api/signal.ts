import type { SignalState } from "../../domain/vehicle/twin.ts"
import { qualityAt } from "../../domain/vehicle/quality.ts"
import { pathFilter } from "../live/path-filter.ts"
import { builder } from "./builder.ts"
import type { VehicleShape } from "./past.ts"

export interface SignalShape {
  readonly path: string
  readonly state: SignalState
  /** Epoch ms: it is judged as of then. */
  readonly asOf?: number
}

const Quality = builder.enumType("Quality", {
  description: "How far a value is to be trusted.",
  values: {
    GOOD: { description: "As sent, and fresh." },
    STALE: { description: "It was good, but its signal should have been sent again by now." },
    ABNORMAL: { description: "The sender marked it as out of the ordinary." },
    INVALID: { description: "The sender marked it as no valid measurement; it may have no value." },
  },
})

export const Signal = builder.objectRef<SignalShape>("Signal").implement({
  description: "The value of one of a vehicle's signals: the newest by device time that is known, or was known then.",
  fields: (t) => ({
    path: t.exposeString("path", {
      description: "By VSS 6.0, such as `Vehicle.Speed`; `Vehicle.Twin.…` where VSS has none.",
    }),
    value: t.field({
      type: "SignalValue",
      nullable: true,
      description: "In the signal's unit. Null where the sender said that it is invalid and gave none.",
      resolve: ({ state }) => state.value,
    }),
    unit: t.string({
      nullable: true,
      description: "By its VSS name, such as `km/h`. Null where it has none.",
      resolve: ({ path }, _, { catalogue }) => catalogue.get(path)?.unit ?? null,
    }),
    at: t.field({ type: "DateTime", description: "Device time of the measurement.", resolve: ({ state }) => state.at }),
    receivedAt: t.field({
      type: "DateTime",
      description: "When this service received it.",
      resolve: ({ state }) => state.receivedAt,
    }),
    revision: t.field({
      type: "Long",
      description: "The revision of the vehicle's event that brought it.",
      resolve: ({ state }) => state.revision,
    }),
    quality: t.field({
      type: Quality,
      description:
        "Worked out when it is read: a good value goes stale without a word from the vehicle. With `asOf`, as of then.",
      resolve: ({ asOf, path, state }, _, { catalogue, now }) =>
        qualityAt(state, catalogue.get(path)?.staleAfter ?? Infinity, asOf ?? now()),
    }),
  }),
})

export const signalsOf = (
  { asOf, signals }: VehicleShape,
  paths: ReadonlyArray<string> | undefined,
): ReadonlyArray<SignalShape> => {
  const wants = pathFilter(paths)
  return Object.entries(signals)
    .filter(([path]) => wants(path))
    .toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([path, state]) => ({ path, state, ...(asOf !== undefined && { asOf }) }))
}
