import { builder } from "./builder.ts"

export const OrderDirection = builder.enumType("OrderDirection", {
  description: "Which way a list goes.",
  values: {
    ASC: { value: "asc" as const, description: "The smallest or earliest first." },
    DESC: { value: "desc" as const, description: "The largest or latest first." },
  },
})
