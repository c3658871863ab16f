import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real servers and whole processes are started by some of the tests.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
  },
})
