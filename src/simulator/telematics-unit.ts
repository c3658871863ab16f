/**
 * The box in a simulated vehicle that samples its signals and sends them: it counts messages within a session, keeps
 * them while it is offline, and makes the faults that its plan asks for. What it says follows from the seed, the times
 * it samples at and nothing else.
 */
import type { Vin } from "../../domain/vehicle/vin.ts"
import { type CodeSpell, type Fault, type Flaw, isFaulty, planCodes, planFaults } from "./faults.ts"
import { type Label, labelsOf } from "./label.ts"
import * as Random from "./random.ts"
import { addSlow, isServiceDue, readFast, type Readings } from "./readings.ts"
import * as Roster from "./roster.ts"
import * as VehicleModel from "./vehicle-model.ts"

/** A message on its way to the broker. */
export interface Message {
  readonly _tag: "Message"
  readonly topic: string
  readonly payload: string
  /** The vehicle that it is about; with a bad topic, the one that the topic names. */
  readonly vehicle: string
  readonly session: string
  /** Of telemetry. */
  readonly seq?: number
  /** Of diagnostics. */
  readonly id?: string
  /** Why a service should refuse it, or a reading of it. */
  readonly flaw?: Flaw
}

export type Transmission =
  | Message
  /** It is there, or back; `at` is its own time. */
  | { readonly _tag: "Connect"; readonly vehicle: string; readonly session: string; readonly at: string }
  /** The connection is gone without a goodbye. */
  | { readonly _tag: "Lose"; readonly vehicle: string; readonly session: string }
  /** The goodbye. */
  | { readonly _tag: "Leave"; readonly vehicle: string; readonly session: string; readonly at: string }

export interface Output {
  readonly transmissions: Array<Transmission>
  readonly labels: Array<Label>
}

export interface UnitOptions {
  readonly seed: number
  readonly index: number
  /** Epoch ms of the simulated world. */
  readonly start: number
  readonly faults: boolean
}

interface Kept {
  readonly at: number
  readonly seq: number
  readonly readings: Readings
}

/** Simulated time between two messages that carry the slow signals, ms. */
const slowEvery = 10_000

export class TelematicsUnit {
  readonly vin: Vin
  /** Its place in the fleet, from 0. */
  readonly index: number
  readonly vehicle: VehicleModel.Vehicle
  session: string
  /** Whether it is connected, by its own plan. */
  online = false
  private readonly start: number
  private readonly noise: Random.Random
  private readonly nextFault: (() => Fault) | undefined
  private readonly nextCode: (() => CodeSpell) | undefined
  private fault: Fault | undefined
  private code: CodeSpell | undefined
  private samples = 0
  private boots = 0
  private seq = 0
  private codesSent = 0
  private slowAt = -Infinity
  private clockOffset = 0
  private kept: Array<Kept> = []
  private keptCodes: Array<Message> = []
  /** Simulated time at which the present fault, the present code began. */
  private faultSince = 0
  private faultSeq = 0
  private codeSince = 0
  private codeIsRaised = false
  private waitsForService: boolean
  private readonly firstLabels: ReadonlyArray<Label> = []

  constructor({ seed, index, start, faults }: UnitOptions) {
    const { vin, origin, nearService } = Roster.member(seed, index, faults)
    this.vin = vin
    this.index = index
    this.start = start
    this.vehicle = VehicleModel.make(origin, Random.make(seed, `drive ${index}`), start)
    this.noise = Random.make(seed, `noise ${index}`)
    this.session = this.nameSession()
    this.waitsForService = nearService
    const random = Random.make(seed, `faults ${index}`)
    if (faults && isFaulty(random)) {
      this.nextFault = planFaults(random)
      this.nextCode = planCodes(Random.make(seed, `codes ${index}`))
      this.fault = this.nextFault()
      this.code = this.nextCode()
    }
    if (faults) this.firstLabels = labelsOf(vin, origin, toTime(start))
  }

  /** Lets time pass until `at` (epoch ms of the simulated world), samples, and says what goes out. */
  sample(at: number, output: Output): void {
    VehicleModel.advance(this.vehicle, (at - this.vehicle.at) / 1_000)
    if (this.samples === 0) output.labels.push(...this.firstLabels)
    this.beginFault(output)
    const isLost = this.fault?.kind === "offline" && this.faultIsOn(this.samples)
    if (!this.online && !isLost) this.connect(output)
    this.playCode(output)
    this.noticeService(output)
    this.sendSample(output)
    this.samples++
    this.endFault(output)
  }

  /** Comes back if it is offline, sends what it kept, and says goodbye. What was sampled has all gone out then. */
  leave(output: Output): void {
    if (this.samples === 0) return
    if (this.fault !== undefined && this.faultIsOn(this.samples - 1)) this.finishFault(this.fault, output)
    if (this.code !== undefined && this.codeIsRaised) this.labelCode(this.code, false, output)
    this.sendKept(output)
    output.transmissions.push({ _tag: "Leave", vehicle: this.vin, session: this.session, at: this.now() })
  }

  /** The unit's own time now, RFC 3339. */
  now(): string {
    return toTime(this.vehicle.at + this.clockOffset)
  }

  private connect(output: Output): void {
    this.online = true
    output.transmissions.push({ _tag: "Connect", vehicle: this.vin, session: this.session, at: this.now() })
    this.sendKept(output)
  }

  private sendKept(output: Output): void {
    if (!this.online) return this.connect(output)
    for (const { at, seq, readings } of this.kept) output.transmissions.push(this.telemetry(at, seq, readings, true))
    this.kept = []
    output.transmissions.push(...this.keptCodes)
    this.keptCodes = []
  }

  private faultIsOn(sample: number): boolean {
    return this.fault !== undefined && this.fault.from <= sample && sample < this.fault.to
  }

  private beginFault(output: Output): void {
    const { fault } = this
    if (fault === undefined || fault.from !== this.samples) return
    this.faultSince = this.vehicle.at
    this.faultSeq = fault.kind === "reboot" ? fault.firstSeq : this.seq
    if (fault.kind === "offline") {
      this.online = false
      output.transmissions.push({ _tag: "Lose", vehicle: this.vin, session: this.session })
    } else if (fault.kind === "clock") this.clockOffset = fault.offsetMs
    else if (fault.kind === "reboot") {
      this.online = false
      output.transmissions.push({ _tag: "Lose", vehicle: this.vin, session: this.session })
      this.boots++
      this.session = this.nameSession()
      this.seq = fault.firstSeq
      this.slowAt = -Infinity
    }
  }

  private endFault(output: Output): void {
    const { fault } = this
    if (fault === undefined || fault.to !== this.samples) return
    this.finishFault(fault, output)
    this.fault = this.nextFault?.()
  }

  /** Puts right what the fault had changed, and labels it. */
  private finishFault(fault: Fault, output: Output): void {
    const details: { [name: string]: string | number } = {
      session: this.session,
      firstSeq: this.faultSeq,
      lastSeq: this.seq - 1,
    }
    let kind: Label["kind"] = fault.kind === "clock" ? "clock-ahead" : fault.kind
    if (fault.kind === "offline") details["kept"] = this.kept.length
    else if (fault.kind === "clock") {
      if (fault.offsetMs < 0) kind = "clock-behind"
      details["offsetMs"] = fault.offsetMs
      this.clockOffset = 0
    } else if (fault.kind === "reboot") details["firstSeq"] = fault.firstSeq
    else if (fault.kind === "bad-payload") details["flaw"] = fault.flaw
    this.label(kind, this.faultSince, details, output)
  }

  private sendSample(output: Output): void {
    const { vehicle } = this
    const readings = readFast(vehicle)
    if (vehicle.at - this.slowAt >= slowEvery) {
      this.slowAt = vehicle.at
      addSlow(readings, vehicle, this.noise.next())
    }
    const seq = this.seq++
    const at = vehicle.at + this.clockOffset
    if (!this.online) {
      this.kept.push({ at, seq, readings })
      return
    }
    const fault = this.faultIsOn(this.samples) ? this.fault : undefined
    if (fault?.kind !== "bad-payload") {
      const message = this.telemetry(at, seq, readings, false)
      output.transmissions.push(message)
      if (fault?.kind === "duplicate") output.transmissions.push(message)
      return
    }
    output.transmissions.push(...this.spoil(fault.flaw, at, seq, readings))
  }

  private spoil(flaw: Flaw, at: number, seq: number, readings: Readings): ReadonlyArray<Message> {
    const good = this.telemetry(at, seq, readings, false)
    switch (flaw) {
      case "not-json": {
        const { vehicle, session, topic, payload } = good
        return [good, { _tag: "Message", vehicle, session, topic, flaw, payload: payload.slice(0, payload.length / 2) }]
      }
      case "bad-vin-topic": {
        const vehicle = `${this.vin.slice(0, -1)}O`
        return [good, { ...good, vehicle, topic: `vehicles/${vehicle}/telemetry`, flaw }]
      }
      case "unknown-path":
        return [{ ...this.telemetry(at, seq, { ...readings, "Vehicle.Sped": 12 }, false), flaw }]
      case "wrong-type":
        return [{ ...this.telemetry(at, seq, { ...readings, "Vehicle.Speed": "fast" }, false), flaw }]
      case "out-of-range": {
        const charge = { "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": 173.2 }
        return [{ ...this.telemetry(at, seq, { ...readings, ...charge }, false), flaw }]
      }
    }
  }

  private telemetry(at: number, seq: number, signals: Readings, reissued: boolean): Message {
    const { vin, session } = this
    const time = toTime(at)
    const body = reissued ? { session, seq, at: time, reissued, signals } : { session, seq, at: time, signals }
    const payload = JSON.stringify(body)
    return { _tag: "Message", vehicle: vin, session, seq, topic: `vehicles/${vin}/telemetry`, payload }
  }

  private playCode(output: Output): void {
    const { code } = this
    if (code === undefined) return
    if (code.from === this.samples) {
      this.codeSince = this.vehicle.at
      this.codeIsRaised = true
      this.diagnose(code, "raised", output)
    } else if (code.to === this.samples) {
      this.codeIsRaised = false
      this.diagnose(code, "cleared", output)
      this.labelCode(code, true, output)
      this.code = this.nextCode?.()
    }
  }

  private diagnose({ code: { code, severity, ecu, text } }: CodeSpell, state: "raised" | "cleared", output: Output) {
    const { vin, session } = this
    const { "Vehicle.Speed": speed, "Vehicle.TraveledDistance": odometer } = readFast(this.vehicle)
    const freezeFrame = { "Vehicle.Speed": speed, "Vehicle.TraveledDistance": odometer }
    const told = state === "raised" ? { code, state, severity, ecu, text, freezeFrame } : { code, state, severity, ecu }
    const id = `${vin}/${session}/${this.codesSent++}`
    const payload = JSON.stringify({ id, at: this.now(), codes: [told] })
    const topic = `vehicles/${vin}/diagnostics`
    const message: Message = { _tag: "Message", vehicle: vin, session, id, topic, payload }
    if (this.online) output.transmissions.push(message)
    else this.keptCodes.push(message)
  }

  private labelCode({ code: { code, severity } }: CodeSpell, cleared: boolean, output: Output): void {
    this.label("trouble-code", this.codeSince, { code, severity, cleared }, output)
  }

  /** A vehicle says at once that its service is due, not only when the slow signals' turn has come. */
  private noticeService(output: Output): void {
    if (!this.waitsForService || !isServiceDue(this.vehicle)) return
    this.waitsForService = false
    const by = this.vehicle.odometer >= this.vehicle.serviceOdometer ? "distance" : "time"
    this.slowAt = -Infinity
    this.label("service-due", this.vehicle.at, { by }, output)
  }

  private label(kind: Label["kind"], from: number, details: Label["details"], output: Output): void {
    output.labels.push({ vehicle: this.vin, kind, from: toTime(from), to: toTime(this.vehicle.at), details })
  }

  /** Names of sessions differ between runs that start at different times: a new run is not the old one repeated. */
  private nameSession(): string {
    return `${Math.floor(this.start).toString(36)}-${this.boots}`
  }
}

const toTime = (epochMs: number): string => new Date(Math.floor(epochMs)).toISOString()
