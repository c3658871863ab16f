import kafkajs from "kafkajs"
import { expect, it } from "vitest"
import { explain } from "../../src/kafka/problem.ts"

it("says why topics could not be made, of which each has its own reason", () => {
  const refused = Object.assign(new Error("Not authorized"), { type: "TOPIC_AUTHORIZATION_FAILED" })
  const problem = explain(new kafkajs.KafkaJSAggregateError("Topic creation errors", [refused]), ["kafka:9092"])
  expect(problem.message).toContain("the broker does not let this user do that")
})
