/**
 * What the notifier keeps: how far it is in the log, and the messages that are yet to be delivered or never could be,
 * each with its news. A batch's messages are written with the checkpoint in one transaction, so each piece of news is
 * taken up once for each rule. What is delivered is forgotten.
 *
 * A message is `held` while a rule's quiet hours or digest gather news in it; then it is `waiting` until it is
 * delivered, or `dead`. One that is being sent waits, too, until the end of its lease: if the process ends before the
 * message is crossed out, it is sent again.
 */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { uuid } from "../../domain/vehicle/identity.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import { listed } from "../sql/listed.ts"
import * as Locks from "../sql/locks.ts"
import type { Message } from "./message.ts"
import type { News } from "./news.ts"

/** Pieces of news in one message; what comes then is held in another. */
const newsInMessage = 200
/** Looked at for each rule at once. */
const duePerRule = 64

/** Another notifier moved the checkpoint, or the database has lost its last commits in a crash. Nothing was written. */
export class NotifierOverlap extends Schema.TaggedError<NotifierOverlap>()("NotifierOverlap", {
  position: Schema.String,
}) {
  override get message() {
    return `The notifier's checkpoint is no longer at ${this.position}: another notifier is at work, `
      + "or the database has lost its last commits"
  }
}

/** What a batch of the log leads to. Times are epoch ms. */
export type Change =
  /** A message of its own, due at once. */
  | { readonly _tag: "Tell"; readonly ruleId: string; readonly news: News }
  /** With what else is held for the rule. */
  | { readonly _tag: "Hold"; readonly ruleId: string; readonly news: News; readonly until: number }
  /** What is held of the alert is not worth telling any more. */
  | { readonly _tag: "Drop"; readonly ruleId: string; readonly alertId: string }
  /** What is held is due at another time. */
  | { readonly _tag: "Reschedule"; readonly ruleId: string; readonly until: number }
  /** The rule tells nothing any more; when it is removed, its dead messages go too. */
  | { readonly _tag: "Withdraw"; readonly ruleId: string; readonly isRemoved: boolean }

export interface Due {
  readonly id: string
  readonly ruleId: string
  readonly dueAt: number
  /** Tries so far. */
  readonly attempts: number
  readonly firstTriedAt: number | null
}

export interface FailedDelivery extends Message {
  readonly attempts: number
  readonly firstTriedAt: number | null
  readonly failedAt: number
  readonly reason: string
}

const text = (value: unknown): string => `${value}`
const timeOf = (value: unknown): number | null => value === null ? null : Number(value)

export const make = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const types = sql.onDialectOrElse({
    pg: () => ({ position: sql`TEXT COLLATE "C"`, time: sql`BIGINT` }),
    orElse: () => ({ position: sql`TEXT`, time: sql`INTEGER` }),
  })
  yield* sql.withTransaction(Effect.gen(function*() {
    yield* Locks.schema(sql)
    yield* sql`CREATE TABLE IF NOT EXISTS notifier_checkpoint (
      id INTEGER PRIMARY KEY, position ${types.position} NOT NULL)`
    yield* sql`CREATE TABLE IF NOT EXISTS notifications (
      id TEXT PRIMARY KEY, rule_id TEXT NOT NULL, position ${types.position} NOT NULL, state TEXT NOT NULL,
      emergency INTEGER NOT NULL, due_at ${types.time} NOT NULL, attempts INTEGER NOT NULL,
      first_tried_at ${types.time}, failed_at ${types.time}, reason TEXT)`
    yield* sql`CREATE INDEX IF NOT EXISTS notifications_due ON notifications (state, due_at)`
    yield* sql`CREATE INDEX IF NOT EXISTS notifications_rule ON notifications (rule_id, state)`
    yield* sql`CREATE INDEX IF NOT EXISTS notifications_failed ON notifications (failed_at, id)`
    yield* sql`CREATE TABLE IF NOT EXISTS notification_news (
      notification_id TEXT NOT NULL, position ${types.position} NOT NULL, alert_id TEXT NOT NULL, news TEXT NOT NULL,
      PRIMARY KEY (notification_id, position))`
    yield* sql`CREATE INDEX IF NOT EXISTS notification_news_alert ON notification_news (alert_id)`
  }))
  yield* sql`INSERT INTO notifier_checkpoint (id, position) VALUES (1, ${beginning}) ON CONFLICT (id) DO NOTHING`

  const insert = Effect.fnUntraced(function*(id: string, ruleId: string, state: string, dueAt: number, news: News) {
    yield* sql`INSERT INTO notifications (id, rule_id, position, state, emergency, due_at, attempts)
      VALUES (${id}, ${ruleId}, ${news.position}, ${state}, ${news.alert.emergency ? 1 : 0}, ${dueAt}, 0)
      ON CONFLICT (id) DO NOTHING`
    yield* addNews(id, news)
  })

  const addNews = (id: string, news: News) =>
    sql`INSERT INTO notification_news (notification_id, position, alert_id, news)
      VALUES (${id}, ${news.position}, ${news.alert.id}, ${JSON.stringify(news)}) ON CONFLICT DO NOTHING`

  /** Those without a message. */
  const removeNews = sql`DELETE FROM notification_news
    WHERE NOT EXISTS (SELECT 1 FROM notifications n WHERE n.id = notification_id)`

  const write = Effect.fnUntraced(function*(change: Change, now: number) {
    const { ruleId } = change
    switch (change._tag) {
      case "Tell":
        return yield* insert(uuid(`notification ${ruleId} ${change.news.eventId}`), ruleId, "waiting", now, change.news)
      case "Hold": {
        // Written to, so that it cannot be released until this is committed.
        const [row] = yield* sql`UPDATE notifications SET due_at = due_at WHERE state = 'held' AND id = (
          SELECT n.id FROM notifications n WHERE n.rule_id = ${ruleId} AND n.state = 'held' AND ${newsInMessage} >
            (SELECT count(*) FROM notification_news w WHERE w.notification_id = n.id) LIMIT 1) RETURNING id`.values
        if (row !== undefined) return yield* Effect.asVoid(addNews(text(row[0]), change.news))
        const id = uuid(`notification ${ruleId} ${change.news.eventId} and more`)
        return yield* insert(id, ruleId, "held", change.until, change.news)
      }
      case "Drop":
        yield* sql`DELETE FROM notification_news WHERE alert_id = ${change.alertId} AND notification_id IN
          (SELECT id FROM notifications WHERE rule_id = ${ruleId} AND state = 'held')`
        return yield* Effect.asVoid(sql`DELETE FROM notifications WHERE rule_id = ${ruleId} AND state = 'held'
          AND NOT EXISTS (SELECT 1 FROM notification_news w WHERE w.notification_id = id)`)
      case "Reschedule":
        return yield* Effect.asVoid(
          sql`UPDATE notifications SET due_at = ${change.until} WHERE rule_id = ${ruleId} AND state = 'held'`,
        )
      case "Withdraw":
        yield* change.isRemoved
          ? sql`DELETE FROM notifications WHERE rule_id = ${ruleId}`
          : sql`DELETE FROM notifications WHERE rule_id = ${ruleId} AND state <> 'dead'`
        return yield* Effect.asVoid(removeNews)
    }
  })

  const newsOf = Effect.fnUntraced(function*(ids: ReadonlyArray<string>) {
    const found = new Map<string, Array<News>>()
    const rows = yield* sql`SELECT w.notification_id, w.news FROM ${listed(sql, ids)}
      JOIN notification_news w ON w.notification_id = v.value ORDER BY w.position`.values
    for (const [id, news] of rows) {
      const known = found.get(text(id))
      const parsed = JSON.parse(text(news)) as News
      if (known === undefined) found.set(text(id), [parsed])
      else known.push(parsed)
    }
    return found
  })

  const failedOf = Effect.fnUntraced(function*(rows: ReadonlyArray<ReadonlyArray<unknown>>) {
    const news = yield* newsOf(rows.map(([id]) => text(id)))
    return rows.map(([id, ruleId, attempts, firstTriedAt, failedAt, reason]): FailedDelivery => ({
      id: text(id),
      ruleId: text(ruleId),
      attempts: Number(attempts),
      firstTriedAt: timeOf(firstTriedAt),
      failedAt: Number(failedAt),
      reason: text(reason),
      news: news.get(text(id)) ?? [],
    }))
  })
  const failedColumns = sql`id, rule_id, attempts, first_tried_at, failed_at, reason`

  return {
    position: Effect.map(sql`SELECT position FROM notifier_checkpoint WHERE id = 1`.values, ([row]) =>
      text(row?.[0] ?? beginning) as Position),

    /** Takes up what a batch leads to, and moves the checkpoint past it. */
    advance: (from: Position, to: Position, changes: ReadonlyArray<Change>, now: number) =>
      sql.withTransaction(Effect.gen(function*() {
        const moved = yield* sql`UPDATE notifier_checkpoint SET position = ${to} WHERE id = 1 AND position = ${from}
          RETURNING position`.values
        if (moved.length === 0) return yield* new NotifierOverlap({ position: from })
        for (const change of changes) yield* write(change, now)
      })),

    /**
     * What can be sent now, some of each rule, emergencies first, then the oldest. Not what tells of an alert of which
     * an older message of the same rule is still on its way.
     */
    due: (now: number) =>
      Effect.map(
        sql`SELECT id, rule_id, due_at, attempts, first_tried_at FROM (
          SELECT n.*, row_number() OVER (PARTITION BY n.rule_id ORDER BY n.emergency DESC, n.position) AS place
          FROM notifications n
          WHERE n.state IN ('held', 'waiting') AND n.due_at <= ${now} AND NOT EXISTS (
            SELECT 1 FROM notification_news w
            JOIN notification_news e ON e.alert_id = w.alert_id
            JOIN notifications earlier ON earlier.id = e.notification_id
            WHERE w.notification_id = n.id AND earlier.rule_id = n.rule_id AND earlier.state <> 'dead'
              AND earlier.position < n.position)
          ) AS due WHERE place <= ${duePerRule} ORDER BY emergency DESC, position`.values,
        (rows) =>
          rows.map(([id, ruleId, dueAt, attempts, firstTriedAt]): Due => ({
            id: text(id),
            ruleId: text(ruleId),
            dueAt: Number(dueAt),
            attempts: Number(attempts),
            firstTriedAt: timeOf(firstTriedAt),
          })),
      ),

    /** Nobody else sends it until then, and nothing is added to it any more; undefined where another was quicker. */
    claim: ({ dueAt, id, ruleId }: Due, until: number) =>
      Effect.gen(function*() {
        const claimed = yield* sql`UPDATE notifications SET state = 'waiting', due_at = ${until}
          WHERE id = ${id} AND due_at = ${dueAt} AND state <> 'dead' RETURNING id`.values
        if (claimed.length === 0) return undefined
        const news = (yield* newsOf([id])).get(id)
        // All of it was dropped while it was claimed.
        if (news === undefined) return void (yield* sql`DELETE FROM notifications WHERE id = ${id}`)
        const message: Message = { id, ruleId, news }
        return message
      }),

    /** Whoever comes may send it. */
    release: (id: string, dueAt: number) => sql`UPDATE notifications SET due_at = ${dueAt} WHERE id = ${id}`,

    delivered: (id: string) =>
      sql.withTransaction(Effect.gen(function*() {
        yield* sql`DELETE FROM notifications WHERE id = ${id}`
        yield* sql`DELETE FROM notification_news WHERE notification_id = ${id}`
      })),

    /** It is tried again then. */
    failed: (id: string, attempts: number, firstTriedAt: number, dueAt: number, reason: string) =>
      sql`UPDATE notifications SET attempts = ${attempts}, first_tried_at = ${firstTriedAt}, due_at = ${dueAt},
        reason = ${reason} WHERE id = ${id}`,

    dead: (id: string, attempts: number, firstTriedAt: number, failedAt: number, reason: string) =>
      sql`UPDATE notifications SET state = 'dead', attempts = ${attempts}, first_tried_at = ${firstTriedAt},
        failed_at = ${failedAt}, reason = ${reason} WHERE id = ${id}`,

    /** As if it had never been tried; undefined where there is no such dead message. */
    revive: (id: string, now: number) =>
      sql.withTransaction(Effect.gen(function*() {
        const [dead] = yield* failedOf(
          yield* sql`SELECT ${failedColumns} FROM notifications WHERE id = ${id} AND state = 'dead'`.values,
        )
        yield* sql`UPDATE notifications SET state = 'waiting', attempts = 0, first_tried_at = NULL, failed_at = NULL,
          due_at = ${now} WHERE id = ${id} AND state = 'dead'`
        return dead
      })),

    /** Dead messages, the newest first, behind one of them. */
    failedPage: (limit: number, after: { readonly failedAt: number; readonly id: string } | undefined) =>
      Effect.flatMap(
        after === undefined
          ? sql`SELECT ${failedColumns} FROM notifications WHERE state = 'dead'
              ORDER BY failed_at DESC, id DESC LIMIT ${limit}`.values
          : sql`SELECT ${failedColumns} FROM notifications WHERE state = 'dead'
              AND (failed_at < ${after.failedAt} OR (failed_at = ${after.failedAt} AND id < ${after.id}))
              ORDER BY failed_at DESC, id DESC LIMIT ${limit}`.values,
        failedOf,
      ),

    /** How many there are in each state. */
    counts: Effect.map(sql`SELECT state, count(*) FROM notifications GROUP BY state`.values, (rows) => {
      const count = (state: string) => Number(rows.find(([name]) => name === state)?.[1] ?? 0)
      return { held: count("held"), waiting: count("waiting"), dead: count("dead") }
    }),

    /** Lets dead messages go that are older, or more than so many. */
    bound: (failedBefore: number, max: number) =>
      sql.withTransaction(Effect.gen(function*() {
        yield* sql`DELETE FROM notifications WHERE state = 'dead' AND failed_at < ${failedBefore}`
        yield* sql`DELETE FROM notifications WHERE state = 'dead' AND id IN (SELECT id FROM notifications
          WHERE state = 'dead' ORDER BY failed_at DESC, id DESC LIMIT 1000000000 OFFSET ${max})`
        yield* removeNews
      })),
  }
})

export type DeliveryStore = Effect.Success<ReturnType<typeof make>>
