import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { decodeDiagnostics, decodeTelemetry } from "../../domain/codecs/json.ts"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { isVin } from "../../domain/vehicle/vin.ts"
import { flaws } from "../../src/simulator/faults.ts"
import { type Message, type Output, TelematicsUnit } from "../../src/simulator/telematics-unit.ts"

const start = Date.parse("2026-03-02T06:00:00Z")
const interval = 1_000

/** What one vehicle sends in so many samples and on leaving. */
const runOf = (seed: number, index: number, samples: number, faults = true) => {
  const unit = new TelematicsUnit({ seed, index, start, faults })
  const output: Output = { transmissions: [], labels: [] }
  for (let n = 0; n < samples; n++) unit.sample(start + n * interval, output)
  unit.leave(output)
  return { ...output, vin: unit.vin, messages: output.transmissions.filter(({ _tag }) => _tag === "Message") as Array<Message> }
}

const fleetOf = (seed: number, vehicles: number, samples: number) =>
  Array.from({ length: vehicles }, (_, index) => runOf(seed, index, samples))

interface Body {
  readonly at: string
  readonly session: string
  readonly seq: number
  readonly reissued?: boolean
  readonly signals: Readonly<Record<string, unknown>>
}
const bodyOf = ({ payload }: Message): Body => JSON.parse(payload)

const isTelemetry = (message: Message) => message.topic === `vehicles/${message.vehicle}/telemetry`
const isReadable = ({ flaw }: Message) => flaw !== "not-json" && flaw !== "bad-vin-topic"

describe("a telematics unit", () => {
  it("says the same for the same seed and start", () => {
    fc.assert(fc.property(fc.nat(), fc.nat(99), (seed, index) => {
      expect(runOf(seed, index, 200)).toEqual(runOf(seed, index, 200))
    }), { numRuns: 10 })
  })

  it("says something else for another seed", () => {
    expect(runOf(1, 0, 5).messages.map(({ payload }) => payload))
      .not.toEqual(runOf(2, 0, 5).messages.map(({ payload }) => payload))
  })

  it("sends every sample once, in order, when there are no faults", () => {
    const { transmissions, messages, labels } = runOf(1, 0, 300, false)
    expect(messages.map((message) => bodyOf(message).seq)).toEqual(Array.from({ length: 300 }, (_, seq) => seq))
    expect(messages.map((message) => Date.parse(bodyOf(message).at)))
      .toEqual(Array.from({ length: 300 }, (_, n) => start + n * interval))
    expect(labels).toEqual([])
    expect(transmissions.map(({ _tag }) => _tag)).toEqual(["Connect", ...messages.map(() => "Message"), "Leave"])
  })

  it("loses no sample to its faults: each session's count has no gap, and repeats only what a label says", () => {
    fc.assert(fc.property(fc.nat(), fc.nat(99), (seed, index) => {
      const { messages, labels } = runOf(seed, index, 1_000)
      const telemetry = messages.filter((message) => isTelemetry(message) && isReadable(message)).map(bodyOf)
      const bySession = Map.groupBy(telemetry, ({ session }) => session)
      let distinct = 0
      for (const [session, bodies] of bySession) {
        const seqs = bodies.map(({ seq }) => seq)
        expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
        const first = seqs[0] ?? -1
        expect([0, 1]).toContain(first)
        const once = new Set(seqs)
        distinct += once.size
        expect(once.size).toBe((seqs.at(-1) ?? 0) - first + 1)
        const repeated = seqs.filter((seq, i) => seqs[i - 1] === seq)
        const labelled = labels.filter(({ kind, details }) => kind === "duplicate" && details["session"] === session)
        expect(repeated).toEqual(labelled.map(({ details }) => details["firstSeq"]))
      }
      expect(distinct).toBe(1_000)
    }), { numRuns: 20 })
  })

  it("marks as reissued what it kept while offline, and that alone", () => {
    for (const { messages, labels } of fleetOf(5, 20, 1_000)) {
      const bodies = messages.filter((message) => isTelemetry(message) && isReadable(message)).map(bodyOf)
      const spells = labels.filter(({ kind }) => kind === "offline")
      const reissued = bodies.filter((body) => body.reissued === true)
      const during = bodies.filter(({ session, seq }) =>
        spells.some(({ details }) =>
          details["session"] === session && seq >= Number(details["firstSeq"]) && seq <= Number(details["lastSeq"])
        )
      )
      expect(reissued).toEqual(during)
      expect(reissued.length).toBe(spells.reduce((sum, { details }) => sum + Number(details["kept"]), 0))
    }
  })

  it("is never heard between losing its connection and coming back", () => {
    for (const { transmissions } of fleetOf(6, 20, 1_000)) {
      let online = false
      for (const { _tag } of transmissions) {
        online = _tag === "Connect" || (online && _tag !== "Lose")
        expect(online).toBe(_tag !== "Lose")
      }
    }
  })

  it("has its clock off by as much as the label says, for the samples that it names", () => {
    const seen = new Set<string>()
    for (const { messages, labels } of fleetOf(7, 40, 1_000)) {
      const bodies = messages.filter((message) => isTelemetry(message) && isReadable(message)).map(bodyOf)
      const spells = labels.filter(({ kind }) => kind.startsWith("clock"))
      for (const { kind } of spells) seen.add(kind)
      const sessions = [...new Set(bodies.map(({ session }) => session))]
      let sample = 0
      for (const session of sessions) {
        const seqs = new Map(bodies.filter((body) => body.session === session).map((body) => [body.seq, body]))
        for (const [seq, body] of seqs) {
          const spell = spells.find(({ details }) =>
            details["session"] === session && seq >= Number(details["firstSeq"]) && seq <= Number(details["lastSeq"])
          )
          expect(Date.parse(body.at) - (start + sample * interval)).toBe(spell?.details["offsetMs"] ?? 0)
          sample++
        }
      }
    }
    expect([...seen].toSorted()).toEqual(["clock-ahead", "clock-behind"])
  })

  it("sends readings that the catalogue accepts, but for the one that a label calls bad", () => {
    const seen = new Set<string>()
    for (const { messages, labels } of fleetOf(8, 60, 600)) {
      for (const message of messages.filter(({ flaw, id }) => flaw !== "not-json" && id === undefined)) {
        const { signals } = bodyOf(message)
        const refused = Object.entries(signals).filter(([path, value]) => catalogue.get(path)?.accepts(value) !== true)
        const isSpoilt = message.flaw !== undefined && message.flaw !== "bad-vin-topic"
        expect({ refused: refused.length, flaw: message.flaw }).toEqual({ refused: isSpoilt ? 1 : 0, flaw: message.flaw })
      }
      const bad = messages.flatMap(({ flaw }) => (flaw === undefined ? [] : [flaw]))
      for (const flaw of bad) seen.add(flaw)
      expect(bad).toEqual(
        labels.filter(({ kind }) => kind === "bad-payload").map(({ details }) => details["flaw"]),
      )
    }
    expect([...seen].toSorted()).toEqual(flaws.toSorted())
  })

  it("breaks its JSON and its topic where it says so", () => {
    const messages = fleetOf(8, 60, 600).flatMap((run) => run.messages)
    for (const { payload } of messages.filter(({ flaw }) => flaw === "not-json")) {
      expect(() => JSON.parse(payload)).toThrow(SyntaxError)
    }
    for (const { topic, vehicle, flaw } of messages) {
      expect(isVin(vehicle)).toBe(flaw !== "bad-vin-topic")
      expect(topic).toMatch(new RegExp(`^vehicles/${vehicle}/(telemetry|diagnostics)$`))
    }
  })

  it("is understood by the service's codec, which refuses just what is meant to be refused", () => {
    const reasons = {
      "not-json": ["json"],
      "unknown-path": ["path"],
      "wrong-type": ["type"],
      "out-of-range": ["range"],
      // Refused for its topic, before anyone reads it.
      "bad-vin-topic": [],
    }
    for (const { vin, messages } of fleetOf(3, 60, 600)) {
      for (const { id, payload, flaw } of messages) {
        const message = { vin, payload: Buffer.from(payload), receivedAt: start, source: { kind: "mqtt" as const } }
        const decoded = id === undefined ? decodeTelemetry(message, catalogue) : decodeDiagnostics(message)
        expect(decoded.rejections.map(({ reason }) => reason)).toEqual(flaw === undefined ? [] : reasons[flaw])
        expect(decoded.observations.length).toBe(flaw === "not-json" ? 0 : 1)
      }
    }
  })

  it("raises and clears the trouble codes of its labels, each message with an id of its own", () => {
    const runs = fleetOf(9, 40, 1_000)
    for (const { messages, labels } of runs) {
      const told = messages.filter(({ topic }) => topic.endsWith("/diagnostics")).map(({ payload }) => JSON.parse(payload))
      expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
      const codes = told.map(({ codes: [{ code, state }] }) => `${code} ${state}`)
      const expected = labels.filter(({ kind }) => kind === "trouble-code").flatMap(({ details: { code, cleared } }) =>
        cleared ? [`${code} raised`, `${code} cleared`] : [`${code} raised`]
      )
      expect(codes).toEqual(expected)
    }
    expect(runs.some(({ labels }) => labels.some(({ kind }) => kind === "trouble-code"))).toBe(true)
  })

  it("says at once that its service is due, from the sample on that the label names", () => {
    // A wrong clock would hide which sample it is.
    const runs = fleetOf(1, 64, 300).filter(({ labels }) => !labels.some(({ kind }) => kind.startsWith("clock")))
    const due = runs.flatMap(({ messages, labels }) =>
      labels.filter(({ kind }) => kind === "service-due").map(({ from }) => ({ messages, from }))
    )
    expect(due.length).toBeGreaterThan(2)
    for (const { messages, from } of due) {
      const said = messages.filter((message) => isTelemetry(message) && isReadable(message)).map(bodyOf)
        .filter(({ signals }) => "Vehicle.Service.IsServiceDue" in signals)
      expect(said.map(({ at }) => at)).toContain(from)
      for (const { at, signals } of said) {
        expect(signals["Vehicle.Service.IsServiceDue"]).toBe(Date.parse(at) >= Date.parse(from))
      }
    }
  })
})
