/** The events that a running service hands out at `GET /events`. */
import { Effect, Option, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import { mapBatches } from "./batches.ts"
import type { EventLine } from "./event-line.ts"
import type { Selection } from "./selection.ts"

export class RemoteFailed extends Schema.TaggedError<RemoteFailed>()("RemoteFailed", {
  message: Schema.String,
  /** Whether the connection failed, and not the request. */
  broken: Schema.Boolean,
}) {}

const Refusal = Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ message: Schema.String }) }))

/** Of the response: the position of the log's newest event when the scan began. */
export const headHeader = "vehicle-twin-log-head"

/** A connection that breaks is made anew so many times in a row, from where it broke. */
const attempts = 5

const parametersOf = ({ after, clock, from, to, types, vins }: Selection): Array<readonly [string, string]> => [
  ...(vins ?? []).map((vin) => ["vin", vin] as const),
  ...(types ?? []).map((type) => ["type", type] as const),
  ...(from === undefined ? [] : [["from", new Date(from).toISOString()] as const]),
  ...(to === undefined ? [] : [["to", new Date(to).toISOString()] as const]),
  ["clock", clock] as const,
  ...(after === undefined ? [] : [["after", after] as const]),
]

/** `onHead` hears where the service's log ends. */
export const select = (url: string, selection: Selection, onHead: (head: Position) => void) => {
  let last = selection.after
  let failures = 0
  const from = (after: Position | undefined): Stream.Stream<RecordedEvent, RemoteFailed, HttpClient.HttpClient> =>
    Stream.unwrap(Effect.map(
      request(url, after === undefined ? selection : { ...selection, after }),
      (response) => {
        const head = response.headers[headHeader]
        if (head !== undefined) onHead(head as Position)
        return response.stream.pipe(
          Stream.mapError((error) => new RemoteFailed({ message: `${url} broke off: ${error.message}`, broken: true })),
          Stream.decodeText,
          Stream.splitLines,
          mapBatches((lines) =>
            Effect.try({
              try: () => {
                const events = lines.map(eventOf)
                last = events.at(-1)?.position ?? last
                failures = 0
                return events
              },
              catch: () => new RemoteFailed({ message: `${url} does not answer with events`, broken: false }),
            })
          ),
        )
      },
    )).pipe(
      Stream.catchIf(
        ({ broken }) => broken && ++failures < attempts,
        () => Stream.unwrap(Effect.as(Effect.sleep(500 * failures), Stream.suspend(() => from(last)))),
      ),
    )
  return from(selection.after)
}

const request = Effect.fnUntraced(function*(url: string, selection: Selection) {
  const client = yield* HttpClient.HttpClient
  const response: HttpClientResponse.HttpClientResponse = yield* HttpClientRequest.get(`${url}/events`).pipe(
    HttpClientRequest.setUrlParams(parametersOf(selection)),
    client.execute,
    Effect.mapError((error) =>
      new RemoteFailed({ message: `${url} does not answer: ${error.message}`, broken: selection.after !== undefined })),
  )
  if (response.status === 200) return response
  const text = yield* Effect.orElseSucceed(response.text, () => "")
  const told = Schema.decodeUnknownOption(Refusal)(text)
  return yield* new RemoteFailed({
    message: Option.match(told, {
      onNone: () => `${url} does not answer as a vehicle-twin service does: status ${response.status}`,
      onSome: ({ error }) => `${url}: ${error.message}`,
    }),
    broken: response.status === 503 && selection.after !== undefined && selection.after !== beginning,
  })
})

const eventOf = (line: string): RecordedEvent => {
  const { created, data, id, metadata, position, revision, stream, type }: EventLine = JSON.parse(line)
  return { id, type, data, metadata, stream, revision, position: position as Position, created: Date.parse(created) }
}
