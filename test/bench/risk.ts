/**
 * What a planner's queries take with a large fleet's read model, in SQLite and, where it is there, in PostgreSQL:
 * `node test/bench/risk.ts [vehicles]`, 100,000 by default, of six scored components each. A hundredth of the vehicles
 * is past a line. Prints milliseconds, the median and the worst of 20 times.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { fromNumber } from "../../src/eventstore/position.ts"
import { allProjected } from "../../src/readmodel/projections.ts"
import { type Page, ReadModel, type RiskFilter } from "../../src/readmodel/read-model.ts"
import { layer as readModelLayer } from "../../src/readmodel/sql-read-model.ts"
import * as Tables from "../../src/readmodel/tables.ts"
import { type DatabaseLocation, layer as databaseLayer } from "../../src/sql/database.ts"
import { postgres, postgresIsThere } from "../support/postgres.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const components = ["motor", "tyres.rearRight", "brakes.front", "lowVoltageBattery", "vehicle", "tractionBattery.cells"]
const now = Date.now()
const dayMs = 86_400_000
const text = (length: number) => `'"${"x".repeat(length - 2)}"'`

/** The n-th vehicle is of one of 400 depots and of 12 regions, and every third of the brand A. */
const fill = Effect.fnUntraced(function*(count: number) {
  const sql = yield* SqlClient.SqlClient
  yield* Tables.prepare(sql, allProjected())
  const numbers = sql.onDialectOrElse({
    pg: () => (to: number) => `generate_series(0, ${to - 1}) AS n(i)`,
    orElse: () => (to: number) =>
      `(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${to - 1}) SELECT i FROM n) AS n`,
  })
  const position = `'${fromNumber(1)}'`
  yield* sql.unsafe(`INSERT INTO vehicles (vin, brand, depot, region, tags, online, revision, position, twin)
    SELECT 'V' || (1000000 + i), CASE WHEN i % 3 = 0 THEN 'A' ELSE 'B' END, 'depot ' || (i % 400), 'region ' || (i % 12),
      '[]', true, 1, ${position}, ${text(1_500)} FROM ${numbers(count)}`)
  for (const [c, component] of components.entries()) {
    // The vehicle's fate is its first component's.
    const risk = c === 0 ? "(i % 1000 * 7919) % 1000 / 10.0" : "0"
    const level = c === 0 ? "CASE WHEN i % 300 < 3 THEN 100 * (i % 300 + 1) ELSE 0 END" : "0"
    const fails = `${now} + (i % 1000 * 7919) % 1000 * CAST(${dayMs} AS BIGINT)`
    yield* sql.unsafe(`INSERT INTO health (vin, component, score, risk, priority, worst, urgency, summary,
        recommended_action, model, model_version, confidence, evidence, fails_at, fails_from, fails_to, computed_at,
        position, state)
      SELECT 'V' || (1000000 + i), '${component}', 100 - ${risk}, ${risk}, ${level} + ${risk}, ${c === 0}, 'drive_on',
        'Worn', 'Replace', 'm', '1', 1, ${text(200)}, ${fails}, ${fails} - ${30 * dayMs}, ${fails} + ${60 * dayMs},
        ${now}, ${position}, ${text(400)} FROM ${numbers(count)}`)
  }
  yield* sql.unsafe(`INSERT INTO alerts (vin, id, component, state, urgency, raised_at, position)
    SELECT 'V' || (1000000 + i), 'a' || i, 'motor', CASE WHEN i % 10 = 0 THEN 'open' ELSE 'resolved' END, 'stop',
      ${now} + i, ${position} FROM ${numbers(Math.ceil(count / 10))}`)
  yield* sql.onDialectOrElse({ pg: () => sql`VACUUM ANALYZE`, orElse: () => Effect.void })
})

const page: Page = { limit: 20, backwards: false }

const queries = Effect.gen(function*() {
  const { countRisks, failureOutlook, riskSummary, risks } = yield* ReadModel
  const deep = (yield* risks({}, { limit: 1, backwards: true })).rows[0]?.key ?? []
  const list = (filter: RiskFilter, from: Page = page) => risks(filter, from)
  const range = { from: now, weeks: 8 }
  return {
    "riskList, first page": list({}),
    "riskList, last page": list({}, { ...page, backwards: true, before: deep }),
    "riskList of a depot": list({ depots: ["depot 7"] }),
    "riskList of a region": list({ regions: ["region 7"] }),
    "riskList of a brand, stop": list({ brands: ["B"], urgencies: ["stop"] }),
    "riskList of two components": list({ components: ["motor", "vehicle"] }),
    "riskList's totalCount": countRisks({}),
    "riskList's totalCount of a region": countRisks({ regions: ["region 7"] }),
    "failureOutlook by component": failureOutlook(range, "component", {}),
    "failureOutlook by depot": failureOutlook(range, "depot", {}),
    "riskSummary by depot": riskSummary("depot", {}),
    "riskSummary by component": riskSummary("component", {}),
  }
})

const times = 20

const bench = Effect.fnUntraced(function*(location: DatabaseLocation, vehicles: number) {
  yield* Effect.gen(function*() {
    yield* fill(vehicles)
    for (const [name, query] of Object.entries(yield* queries)) {
      yield* query
      const millis: Array<number> = []
      for (let i = 0; i < times; i++) {
        const started = performance.now()
        yield* query
        millis.push(performance.now() - started)
      }
      millis.sort((a, b) => a - b)
      const [median = 0, worst = 0] = [millis[times / 2], millis.at(-1)]
      process.stdout.write(`${location._tag}  ${name.padEnd(36)} ${median.toFixed(2)} ${worst.toFixed(2)}\n`)
    }
  }).pipe(Effect.provide(readModelLayer), Effect.provide(databaseLayer(location)))
})

const main = Effect.gen(function*() {
  const vehicles = Number(process.argv[2] ?? 100_000)
  const folder = yield* temporaryFolder
  yield* bench({ _tag: "Sqlite", file: `${folder}/read-model.db`, synchronous: "NORMAL" }, vehicles)
  if (postgresIsThere) yield* bench({ _tag: "Postgres", url: (yield* postgres({ fsync: false })).url }, vehicles)
})

if (import.meta.main) await Effect.runPromise(Effect.scoped(main))
