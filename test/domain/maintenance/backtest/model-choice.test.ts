import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import type { ComponentModel } from "../../../../domain/maintenance/model.ts"
import { chosen } from "../../../../domain/maintenance/backtest/model-choice.ts"
import { serviceDue } from "../../../../domain/maintenance/components/service-due.ts"

const model = (name: string, version: string, component: string) =>
  ({ ...serviceDue, name, version, component }) as ComponentModel

const inService = [model("tyres", "1", "tyres.front"), model("tyres", "1", "tyres.rear"), model("brakes", "3", "brakes")]
const candidates = [model("tyres", "2", "tyres.front")]

const found = (text: string) =>
  Result.map(chosen(text, inService, candidates), ({ models, version }) => [version, ...models.map(({ component }) => component)])

describe("the choice of a model", () => {
  it("takes the version in service where none is named, with all its components", () => {
    expect(found("tyres")).toEqual(Result.succeed(["1", "tyres.front", "tyres.rear"]))
    expect(found("tyres@1")).toEqual(found("tyres"))
  })

  it("takes a candidate by its version", () => {
    expect(found("tyres@2")).toEqual(Result.succeed(["2", "tyres.front"]))
  })

  it("says what there is where there is no such one", () => {
    const there = "there are tyres@1, brakes@3, tyres@2"
    expect(found("tires")).toEqual(Result.fail(`"tires" is no model; ${there}`))
    expect(found("brakes@4")).toEqual(Result.fail(`"brakes@4" is no model; ${there}`))
  })
})
