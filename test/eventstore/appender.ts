/**
 * A process of its own that appends to a log until it is killed, for tests that pull the plug. It tells on standard
 * output of each append that succeeded (`ok <stream> <revision>`) or did not (`failed <tag>`), one a line.
 *
 *     node appender.ts <file> <appenders>
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { writeSync } from "node:fs"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/sqlite.ts"

const [file = "", appenders = "1"] = process.argv.slice(2)

/** At once and past any buffer: what was said to have succeeded must not depend on how this process ends. */
const tell = (line: string) => Effect.sync(() => writeSync(1, `${line}\n`))

const appendForEver = Effect.fnUntraced(function*(stream: string) {
  const store = yield* EventStore
  let revision = yield* store.revision(stream)
  while (true) {
    const events = Array.from({ length: 3 }, () => ({
      id: randomUUID(),
      type: "Tested",
      data: { text: "x".repeat(300) },
      metadata: {},
    }))
    revision = yield* store.append(stream, revision < 0 ? "no_stream" : revision, events).pipe(
      Effect.map((result) => result.revision),
      Effect.tap((last) => tell(`ok ${stream} ${last}`)),
      Effect.catch((error) =>
        Effect.as(Effect.andThen(tell(`failed ${error._tag}`), Effect.sleep("50 millis")), revision)
      ),
    )
  }
})

await Effect.forEach(
  Array.from({ length: Number(appenders) }, (_, n) => `stream-${n}`),
  appendForEver,
  { concurrency: "unbounded" },
).pipe(
  Effect.provide(layer({ file })),
  Effect.tapError((error) => tell(`refused ${error.message}`)),
  Effect.runPromise,
)
