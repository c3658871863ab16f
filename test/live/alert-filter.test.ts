import { expect, it } from "vitest"
import { alertMatches } from "../../src/live/alert-filter.ts"
import { alertRow } from "../contract/read-model-rows.ts"

it.each([
  [{}, true],
  [{ assignedTo: ["Ada"] }, true],
  [{ assignedTo: ["Bob"] }, false],
  [{ assigned: true }, true],
  [{ assigned: false }, false],
  // It changed at 1,000 and is snoozed until 2,000, whenever the subscription began.
  [{ snoozed: { is: true, at: 0 } }, true],
  [{ snoozed: { is: true, at: 5_000 } }, true],
  [{ snoozed: { is: false, at: 0 } }, false],
])("an alert of Ada's that was just snoozed matches %j: %s", (filter, matches) => {
  expect(alertMatches(filter, alertRow("x", { assignedTo: "Ada", updatedAt: 1_000, snoozedUntil: 2_000 }))).toBe(matches)
})
