import { defineConfig } from "vitest/config"

export default defineConfig({
  // The package has two builds; vite would take one and yoga the other, and a schema of the one is no schema to the other.
  resolve: { alias: { graphql: "graphql/index.js" } },
  test: {
    include: ["test/**/*.test.ts"],
    // Real servers and whole processes are started by some of the tests.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    setupFiles: ["test/support/properties.ts"],
    // What the service logs is of interest where a test fails.
    silent: "passed-only",
  },
})
