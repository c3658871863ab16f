/** What is told of alerts, as a mail that a planner reads: subject, plain text, and the same as simple HTML. */
import type { Urgency } from "../../domain/maintenance/alerts/alert-events.ts"
import type { Remaining } from "../../domain/maintenance/model.ts"
import type { NewsKind } from "../../domain/notification/notification-rule.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { AlertRow } from "../../projections/alerts.ts"
import type { News } from "./news.ts"

export interface MailText {
  readonly subject: string
  readonly text: string
  readonly html: string
}

const urgencies: Readonly<Record<Urgency, string>> = {
  stop: "Stop",
  service_soon: "Service soon",
  drive_on: "Drive on",
}

const happened: Readonly<Record<NewsKind, string>> = {
  raised: "New alert",
  escalated: "More urgent than before",
  acknowledged: "Taken on",
  assigned: "Assigned",
  snoozed: "Put off",
  resolved: "Resolved",
}

const newsText = ({ alert, by, kind, reason }: News): string => {
  switch (kind) {
    case "acknowledged":
      return by === null ? happened[kind] : `Taken on by ${by}`
    case "assigned":
      return alert.assignedTo === null ? "No longer assigned" : `Assigned to ${alert.assignedTo}`
    case "resolved":
      return reason === "service" ? "Resolved by work done" : "Resolved: it has recovered"
    default:
      return happened[kind]
  }
}

/** 2026-11-22 08:15 UTC */
const timeText = (at: number): string => {
  const time = toTime(at)
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`
}

const daysText = (days: number): string => days < 10 ? days.toFixed(1) : days.toFixed(0)

const remainingText = ({ days, high, low }: Remaining): string =>
  `about ${daysText(days)} days (in nine cases of ten ${daysText(low)} ${high === null ? "or more" : `to ${daysText(high)}`})`

const readingsText = (readings: AlertRow["situation"]): ReadonlyArray<string> =>
  Object.entries(readings).map(([path, value]) =>
    `${path} = ${typeof value === "string" ? value : JSON.stringify(value)}`
  )

const isEmpty = (readings: AlertRow["situation"]): boolean => Object.keys(readings).length === 0

const vehicleText = ({ brand, vin }: AlertRow): string => brand === null ? vin : `${vin} (${brand})`

/** Names and what stands for them; a list is a line each. */
const factsOf = (news: News): ReadonlyArray<readonly [name: string, value: string | ReadonlyArray<string>]> => {
  const { alert, at, note } = news
  const { evidence, occurredAt, personal, recommendedAction, remaining, situation } = alert
  return [
    ["What happened", `${newsText(news)}, ${timeText(at)}`],
    ["Vehicle", vehicleText(alert)],
    ["Component", alert.component],
    ["Urgency", urgencies[alert.urgency]],
    ["What to do", recommendedAction],
    ...remaining === null ? [] : [["Remaining life", remainingText(remaining)] as const],
    ["Evidence", evidence.map(({ text }) => text)],
    ...occurredAt === null ? [] : [["Occurred", timeText(occurredAt)] as const],
    ...isEmpty(personal) ? [] : [["Position and driver", readingsText(personal)] as const],
    ...isEmpty(situation) ? [] : [["Situation", readingsText(situation)] as const],
    ...note === null ? [] : [["Note", note] as const],
    ["Health", `${Math.round(alert.score)} of 100, by ${alert.model} ${alert.modelVersion}`],
    ["Alert", `${alert.id}, raised ${timeText(alert.raisedAt)}`],
  ]
}

const titleOf = ({ alert, kind }: News): string => {
  if (kind === "resolved") return "Resolved"
  return alert.emergency ? "EMERGENCY" : urgencies[alert.urgency]
}

const newsMail = (news: News): MailText => {
  const { alert } = news
  const facts = factsOf(news)
  const lines = facts.flatMap(([name, value]) =>
    typeof value === "string" ? [`${name}: ${value}`] : [`${name}:`, ...value.map((line) => `  - ${line}`)]
  )
  const rows = facts.map(([name, value]) => {
    const cell = typeof value === "string" ? escaped(value) : value.map(escaped).join("<br>")
    return `<tr><th align="left" valign="top">${name}</th><td>${cell}</td></tr>`
  })
  return {
    subject: oneLine(`[${titleOf(news)}] ${alert.summary} (${alert.vin})`),
    text: `${alert.summary}\n\n${lines.join("\n")}\n`,
    html: page(`<h2>${escaped(alert.summary)}</h2><table cellpadding="4">${rows.join("")}</table>`),
  }
}

/** In the order in which they are listed; last what asks for nothing any more. */
const standings = ["stop", "service_soon", "drive_on", "resolved"] as const

const standingOf = ({ alert, kind }: News): (typeof standings)[number] => kind === "resolved" ? kind : alert.urgency

const standingText = (standing: (typeof standings)[number]): string =>
  (standing === "resolved" ? happened[standing] : urgencies[standing]).toLowerCase()

/** Of each alert what came last, the most urgent first. */
const latestOf = (news: ReadonlyArray<News>): ReadonlyArray<News> => {
  const latest = new Map<string, News>()
  for (const one of news) latest.set(one.alert.id, one)
  return [...latest.values()].toSorted((a, b) =>
    standings.indexOf(standingOf(a)) - standings.indexOf(standingOf(b))
  )
}

const columns = ["Urgency", "Vehicle", "Component", "What is the matter", "What to do", "Remaining life", "What happened"]

const digestMail = (news: ReadonlyArray<News>): MailText => {
  const latest = latestOf(news)
  const counts = standings
    .map((standing) => ({
      name: standingText(standing),
      count: latest.filter((one) => standingOf(one) === standing).length,
    }))
    .filter(({ count }) => count > 0)
    .map(({ count, name }) => `${count} ${name}`)
    .join(", ")
  const subject = `${latest.length} ${latest.length === 1 ? "alert" : "alerts"}: ${counts}`
  const lines = latest.map((one) => {
    const { alert, at } = one
    return [
      `[${titleOf(one)}] ${vehicleText(alert)}, ${alert.component}: ${alert.summary}`,
      `  ${newsText(one)}, ${timeText(at)}. ${alert.recommendedAction}`,
    ].join("\n")
  })
  const rows = latest.map((one) => {
    const { alert, at } = one
    const cells = [
      titleOf(one),
      vehicleText(alert),
      alert.component,
      alert.summary,
      alert.recommendedAction,
      alert.remaining === null ? "" : remainingText(alert.remaining),
      `${newsText(one)}, ${timeText(at)}`,
    ]
    return `<tr>${cells.map((cell) => `<td valign="top">${escaped(cell)}</td>`).join("")}</tr>`
  })
  const heads = columns.map((head) => `<th align="left">${head}</th>`).join("")
  return {
    subject,
    text: `${lines.join("\n\n")}\n`,
    html: page(`<h2>${subject}</h2>`
      + `<table border="1" cellpadding="4" style="border-collapse:collapse"><tr>${heads}</tr>${rows.join("")}</table>`),
  }
}

/** Of one piece of news, or of several as a digest. */
export const mailOf = (news: ReadonlyArray<News>): MailText => {
  const [only] = news
  return only !== undefined && news.length === 1 ? newsMail(only) : digestMail(news)
}

const page = (body: string): string => `<!doctype html><html><body style="font-family:sans-serif">${body}</body></html>`

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" }

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => entities[character] ?? "")

/** A header ends where its line does. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").slice(0, 200)
