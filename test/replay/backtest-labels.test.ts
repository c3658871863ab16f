import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Result } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { readLabels } from "../../src/replay/backtest-labels.ts"
import { vinOf } from "../support/messages.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const now = Date.parse("2026-11-22T00:00:00Z")
const vin = vinOf(1)

const read = (text: string) =>
  Effect.gen(function*() {
    const file = join(yield* temporaryFolder, "labels.csv")
    writeFileSync(file, text)
    const found = yield* Effect.result(readLabels(file, now))
    return Result.mapError(found, ({ message }) => message)
  })

describe("labels", () => {
  it.effect("have a time or a date, and columns in any order", () =>
    Effect.gen(function*() {
      const found = yield* read(
        "\u{FEFF}note,at,component,vin,from\r\n"
          + `"cell 68, replaced",2026-06-14,tractionBattery.cells,${vin},2026-03-01\r\n`
          + "\r\n"
          + `,2026-06-14T10:00:00Z, tyres.frontLeft ,${vin},\r\n`,
      )
      const june = Date.parse("2026-06-14T00:00:00Z")
      expect(Result.getOrThrow(found)).toEqual([
        {
          vin,
          component: "tractionBattery.cells",
          at: june,
          until: june + 86_400_000 - 1,
          from: Date.parse("2026-03-01T00:00:00Z"),
          note: "cell 68, replaced",
        },
        { vin, component: "tyres.frontLeft", at: june + 36e6, until: june + 36e6, from: undefined, note: undefined },
      ])
    }))

  const header = "vin,component,at,from,note\n"
  const wrong: ReadonlyArray<readonly [text: string, message: string]> = [
    ["", "labels.csv, line 1, column 1: empty; expected a header: vin,component,at,from,note"],
    ["vin,part,at\n", `labels.csv, line 1, column 2: no column is named "part"; there are vin, component, at, from, note`],
    ["vin,component\n", "labels.csv, line 1, column 2: the header has no at; there are vin, component, at, from, note"],
    ["vin,at,vin\n", "labels.csv, line 1, column 3: vin stands in the header twice"],
    [`${header}X,brakes,2026-01-01,,\n`, `labels.csv, line 2, column 1: vin: "X" has 1 characters; a VIN has 17`],
    [`${header}${vin},Brakes,2026-01-01,,\n`, `labels.csv, line 2, column 2: component: "Brakes" is none; expected one like tyres.frontLeft`],
    [
      `${header}\n${vin},brakes,2026-02-30,,\n`,
      `labels.csv, line 3, column 3: at: "2026-02-30" is no time: expected one like 2026-11-22T08:15:30Z, or a date`,
    ],
    [`${header}${vin},brakes,2026-11-23,,\n`, "labels.csv, line 2, column 3: at: 2026-11-23 is yet to come"],
    [
      `${header}${vin},brakes,2026-01-01,yesterday,\n`,
      `labels.csv, line 2, column 4: from: "yesterday" is no time: expected one like 2026-11-22T08:15:30Z, or a date`,
    ],
    [`${header}${vin},brakes,2026-01-01,2026-01-02,\n`, "labels.csv, line 2, column 4: from: 2026-01-02 comes after 2026-01-01"],
    [
      `${header}${vin},brakes,2026-01-01,,\n${vin},brakes,2026-01-02,,\n${vin},brakes,2026-01-01,,again\n`,
      "labels.csv, line 4, column 1: the same failure as in line 2, which would count twice",
    ],
    [`${header}${vin},brakes\n`, "labels.csv, line 2, column 2: 2 columns where the header has 5"],
  ]
  it.effect.each(wrong)("that are wrong say where: %j", ([text, message]) =>
    Effect.map(read(text), (found) => expect(found).toEqual(Result.fail(message))))

  it.effect("that are not there say so", () =>
    Effect.map(Effect.exit(readLabels("/nowhere/labels.csv", now)), (exit) => {
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Cannot read /nowhere/labels.csv")
    }))
})
