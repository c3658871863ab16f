import { builder } from "./builder.ts"

export const ReportingStateType = builder.enumType("ReportingState", {
  description: "Whether a vehicle reports as it should.",
  values: {
    REPORTING: { description: "It was heard of within the time that its rhythm allows." },
    STALE: { description: "It is late." },
    SILENT: {
      description: "It is so late that something must be amiss; or it went and has not come back for 30 days.",
    },
    OFFLINE: { description: "Its last word, or its will, was that it goes: it is not expected to report." },
  },
})
