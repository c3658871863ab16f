import { describe, expect, it } from "@effect/vitest"
import { parseHTML } from "linkedom"
import type { ComponentModel } from "../../domain/maintenance/model.ts"
import { serviceDue } from "../../domain/maintenance/components/service-due.ts"
import { Backtest } from "../../src/replay/backtest.ts"
import { pageOf } from "../../src/replay/backtest-page.ts"
import { day } from "../support/given.ts"
import { vinOf } from "../support/messages.ts"
import { began, logOf, wearing } from "../support/wearing-fleet.ts"

const pageWith = (options: { readonly note?: string; readonly labelled?: boolean; readonly days?: number }) => {
  const { days = 60, labelled = true, note } = options
  const at = began + 30 * day
  const models = [serviceDue as ComponentModel]
  const backtest = new Backtest({
    versions: [
      { name: "service-due", version: "1", models },
      { name: "service-due", version: "2", models: models.map((model) => ({ ...model, version: "2", raiseAt: 22 })) },
    ],
    failures: labelled ? [{ vin: vinOf(0), component: "vehicle", at, until: at, from: undefined, note }] : undefined,
    vins: undefined,
    from: undefined,
    to: undefined,
  })
  for (const event of logOf(wearing(2, days))) backtest.add(event)
  return pageOf(backtest.report())
}

const headingsOf = (page: string) => [...parseHTML(page).document.querySelectorAll("h2")].map((one) => one.textContent)

describe("a backtest's page", () => {
  it("shows figures, plots, failures and alerts of both versions", () => {
    const page = pageWith({})
    expect(headingsOf(page)).toEqual([
      "Figures",
      "Scores",
      "Lead time",
      "Calibration",
      "Alerts over time",
      "Failures: service-due@1",
      "Alerts: service-due@1",
      "Failures: service-due@2",
      "Alerts: service-due@2",
    ])
    const { document } = parseHTML(page)
    const columns = [...document.querySelectorAll("table:first-of-type thead th")].map((one) => one.textContent)
    expect(columns.slice(0, 3)).toEqual(["", "service-due@1", "service-due@2"])
    expect(document.querySelectorAll("figure svg")).toHaveLength(4)
    expect(page).not.toContain("NaN")
  })

  it("needs nothing else, and runs nothing", () => {
    const { document } = parseHTML(pageWith({}))
    expect(document.querySelectorAll("script, link, img, iframe")).toHaveLength(0)
    expect(document.documentElement.outerHTML).not.toMatch(/(?:src|href)=|@import|url\(/)
  })

  it("takes what stands in labels for text", () => {
    const page = pageWith({ note: "<script>alert('x')</script> & \"more\"" })
    expect(page).toContain("&lt;script&gt;alert('x')&lt;/script&gt; &amp; &quot;more&quot;")
    expect(page).not.toContain("<script")
  })

  it("has only what there is where nothing is known, or nothing was raised", () => {
    expect(headingsOf(pageWith({ labelled: false }))).toEqual([
      "Figures",
      "Scores",
      "Alerts over time",
      "Alerts: service-due@1",
      "Alerts: service-due@2",
    ])
    expect(headingsOf(pageWith({ labelled: false, days: 5 }))).toEqual(["Figures"])
  })
})
