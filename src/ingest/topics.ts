/**
 * Where vehicles publish: `{prefix}vehicles/{vin}/{kind}`. Pure.
 */
import { Result } from "effect"
import type { Rejection } from "../../domain/codecs/rejection.ts"
import * as Vin from "../../domain/vehicle/vin.ts"

export const kinds = ["telemetry", "status", "diagnostics"] as const
/** What a message is, which says what codec reads it. Service done is told by workshops, over Kafka alone. */
export type Kind = (typeof kinds)[number] | "service"

/** Whose message it is, and what kind. */
export interface Route {
  readonly vin: Vin.Vin
  readonly kind: Kind
}

export interface Topics {
  /** What to subscribe to, at QoS 1. */
  readonly filters: ReadonlyArray<string>
  /** Whether vehicles publish on this topic, rightly or wrongly: such a message is taken in or a dead letter. */
  readonly isUp: (topic: string) => boolean
  readonly route: (topic: string) => Result.Result<Route, Rejection>
}

/** The topics below a prefix, which may be empty and may or may not end with a slash. */
export const make = (prefix: string): Topics => {
  const trimmed = prefix.replace(/\/+$/, "")
  const base = trimmed === "" ? "vehicles/" : `${trimmed}/vehicles/`
  const expected = `${base}{vin}/{${kinds.join("|")}}`
  const wrong = (topic: string) => Result.fail<Rejection>({
    reason: "topic",
    message: `${JSON.stringify(topic.slice(0, 200))} is not a topic that is taken in; expected ${expected}`,
  })
  return {
    filters: kinds.map((kind) => `${base}+/${kind}`),
    isUp: (topic) => topic.startsWith(base) && !topic.endsWith("/commands"),
    route: (topic) => {
      if (!topic.startsWith(base)) return wrong(topic)
      const end = topic.indexOf("/", base.length)
      if (end < 0) return wrong(topic)
      const kind = kindOf(topic.slice(end + 1))
      if (kind === undefined) return wrong(topic)
      const vin = topic.slice(base.length, end)
      if (Vin.isVin(vin)) return Result.succeed({ vin, kind })
      return Result.mapError(Vin.parse(vin), ({ message }): Rejection => ({ reason: "vin", message })).pipe(
        Result.map((parsed) => ({ vin: parsed, kind })),
      )
    },
  }
}

const kindOf = (name: string): Kind | undefined => {
  switch (name) {
    case "telemetry":
    case "status":
    case "diagnostics":
      return name
    default:
      return undefined
  }
}
