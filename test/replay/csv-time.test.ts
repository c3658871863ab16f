import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { CsvMapping } from "../../src/replay/csv-mapping.ts"
import { timeReader } from "../../src/replay/csv-time.ts"

const reader = (at: Omit<CsvMapping["at"], "column">) => Result.getOrThrow(timeReader({ column: "t", ...at }))

const read = (text: string, at: Omit<CsvMapping["at"], "column">) => {
  const time = reader(at)(text)
  return Result.isSuccess(time) ? toTime(time.success) : time.failure
}

describe("the time of a row", () => {
  it.each([
    ["iso", "2026-11-22T08:15:30.250Z", undefined, "2026-11-22T08:15:30.250Z"],
    ["iso", "2026-11-22 08:15:30+08:00", undefined, "2026-11-22T00:15:30.000Z"],
    ["iso", "2026-11-22 08:15:30,5", "Europe/Berlin", "2026-11-22T07:15:30.500Z"],
    ["epoch-s", "1795335330.25", undefined, "2026-11-22T08:15:30.250Z"],
    ["epoch-ms", "1795335330250", undefined, "2026-11-22T08:15:30.250Z"],
    ["yyyy-MM-dd HH:mm:ss", "2021-05-05 09:10:00", "Asia/Shanghai", "2021-05-05T01:10:00.000Z"],
    ["d.M.yyyy H:mm", "5.7.2021 9:10", "Europe/Berlin", "2021-07-05T07:10:00.000Z"],
    ["MM/dd/yyyy hh:mm:ss.SSS a", "05/07/2021 12:10:01.034 am", "UTC", "2021-05-07T00:10:01.034Z"],
    ["yyyyMMdd'T'HHmmss", "20200229T235959", "UTC", "2020-02-29T23:59:59.000Z"],
    ["dd/MM/yyyy", "31/12/1999", "UTC", "1999-12-31T00:00:00.000Z"],
  ])("in %s: %s", (format, text, timeZone, expected) => {
    expect(read(text, { format, ...(timeZone !== undefined && { timeZone }) })).toBe(expected)
  })

  it.each([
    ["iso", "2026-11-22T08:15:30", undefined, "it has no zone, and the mapping gives none: set at.timeZone"],
    ["iso", "yesterday", undefined, "expected ISO 8601, such as 2026-11-22T08:15:30Z"],
    ["iso", "2026-02-29 08:15", "UTC", "there is no such day or time"],
    ["epoch-s", "-5", undefined, "expected epoch-s, from 1970 to 9999"],
    ["epoch-s", "1795335330250000", undefined, "expected epoch-s, from 1970 to 9999"],
    ["yyyy-MM-dd HH:mm:ss", "2021-05-05", "UTC", "expected yyyy-MM-dd HH:mm:ss"],
    ["yyyy-MM-dd HH:mm", "2021-04-31 10:00", "UTC", "expected yyyy-MM-dd HH:mm"],
    ["yyyy-MM-dd HH:mm", "1969-12-31 10:00", "UTC", "expected a time from 1970 to 9999"],
    ["h:mm a dd.MM.yyyy", "13:10 pm 01.01.2020", "UTC", "expected h:mm a dd.MM.yyyy"],
  ])("in %s is not %s", (format, text, timeZone, expected) => {
    expect(read(text, { format, ...(timeZone !== undefined && { timeZone }) })).toBe(expected)
  })

  describe("where clocks change", () => {
    const berlin = { format: "yyyy-MM-dd HH:mm:ss", timeZone: "Europe/Berlin" }

    it("is refused within the hour that there is not", () => {
      expect(read("2026-03-29 01:59:59", berlin)).toBe("2026-03-29T00:59:59.000Z")
      for (const ambiguous of ["refuse", "earlier", "later"] as const) {
        expect(read("2026-03-29 02:30:00", { ...berlin, ambiguous }))
          .toBe("there is no such time in Europe/Berlin: clocks went forward over it")
      }
      expect(read("2026-03-29 03:00:00", berlin)).toBe("2026-03-29T01:00:00.000Z")
    })

    it("is refused within the hour that comes twice, unless the mapping says which it is", () => {
      expect(read("2026-10-25 02:30:10", berlin)).toBe(
        "it comes twice in Europe/Berlin, when clocks go back: 2026-10-25T00:30:10.000Z or 2026-10-25T01:30:10.000Z; "
          + "set at.ambiguous to earlier or later",
      )
      expect(read("2026-10-25 02:30:10", { ...berlin, ambiguous: "earlier" })).toBe("2026-10-25T00:30:10.000Z")
      expect(read("2026-10-25 02:30:10", { ...berlin, ambiguous: "later" })).toBe("2026-10-25T01:30:10.000Z")
      expect(read("2026-10-25 01:59:59", berlin)).toBe("2026-10-24T23:59:59.000Z")
      expect(read("2026-10-25 03:00:00", berlin)).toBe("2026-10-25T02:00:00.000Z")
    })

    it("comes back from the wall of its zone, whatever was read before", () => {
      const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]
      const zoned = new Map(zones.map((timeZone) => [timeZone, {
        wall: new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }),
        early: reader({ format: "iso", timeZone, ambiguous: "earlier" }),
        late: reader({ format: "iso", timeZone, ambiguous: "later" }),
      }]))
      const instant = fc.integer({ min: Date.parse("1975-01-01") / 1_000, max: Date.parse("2037-01-01") / 1_000 })
      fc.assert(fc.property(fc.constantFrom(...zones), instant, (zone, seconds) => {
        const { early, late, wall } = zoned.get(zone) ?? expect.fail(zone)
        const text = wall.format(seconds * 1_000)
        const found = [Result.getOrThrow(early(text)), Result.getOrThrow(late(text))]
        expect(found).toContain(seconds * 1_000)
      }), { numRuns: 500 })
    })
  })

  it.each([
    [{ format: "yyyy-mm-dd", timeZone: "UTC" }, "format", "it has no month"],
    [{ format: "yyyy-MM-DD", timeZone: "UTC" }, "format", "\"DD\" in it means nothing"],
    [{ format: "yyyy-MM-dd hh:mm", timeZone: "UTC" }, "format", "h and a go together"],
    [{ format: "yyyy-MM-dd dd", timeZone: "UTC" }, "format", "\"dd\" says again what stands before it"],
    [{ format: "yyyy-MM-dd HH:mm" }, "timeZone", "have no zone of their own"],
    [{ format: "iso", timeZone: "Europe/Berlinn" }, "timeZone", "\"Europe/Berlinn\" is not an IANA time zone"],
    [{ format: "epoch-s", timeZone: "Europe/Berlin" }, "timeZone", "times in epoch-s are UTC"],
  ])("cannot be read by %j", (at, key, message) => {
    const refused = Result.flip(timeReader({ column: "t", ...at }))
    expect(Result.getOrThrow(refused)).toEqual({ key, message: expect.stringContaining(message) })
  })
})
