import { describe, expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { temporaryFolder } from "../support/temporary-folder.ts"

const root = join(import.meta.dirname, "../..")

const rebuild = (folder: string, ...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [join(root, "src/cli/main.ts"), "rebuild", ...args], {
    env: { PATH: process.env["PATH"], DATA_DIR: folder },
    encoding: "utf8",
  })
  return { status, said: stderr + stdout }
}

describe("vehicle-twin rebuild", () => {
  it.live("names the projections that there are, where it is given none, or one that there is not", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      for (const args of [[], ["trip"], ["trips", "--all"]]) {
        const { said, status } = rebuild(folder, ...args)
        expect(status, said).toBe(1)
        expect(said).toContain("vehicles, alerts, trips, health")
      }
    }), 60_000)

  it.live("makes nothing where there is no log", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const { said, status } = rebuild(folder, "--all")
      expect(status, said).toBe(1)
      expect(said).toContain(`no log in ${folder}`)
      expect(existsSync(join(folder, "readmodel.db"))).toBe(false)
    }), 60_000)
})
