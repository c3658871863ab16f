/** `docker-compose.yml` says what it should, also where no Docker is there to try it. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Ajv2019 } from "ajv/dist/2019.js"
import { Effect, Result } from "effect"
import { parse } from "yaml"
import { type Environment, Settings } from "../src/settings.ts"
import composeSpecification from "./support/compose-spec.json" with { type: "json" }

const root = join(import.meta.dirname, "..")
const file = join(root, "docker-compose.yml")

interface Service {
  readonly image?: string
  readonly environment: Readonly<Record<string, string | number>>
  readonly ports?: ReadonlyArray<string>
  readonly volumes: ReadonlyArray<string>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: ReadonlyArray<string> }
  readonly restart: string
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, null>>
}

const readCompose = (): Compose => parse(readFileSync(file, "utf8"))
const { services, volumes } = readCompose()
const service = services["vehicle-twin"]
if (service === undefined) throw new Error("docker-compose.yml has no service vehicle-twin")
const others = Object.entries(services).filter(([name]) => name !== "vehicle-twin")

/** With no variable set. */
const resolved = (text: string) => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1")

const environment = Object.fromEntries(
  Object.entries(service.environment).map(([name, value]) => [name, resolved(String(value))]),
)
const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8")
const wordsOf = (instruction: RegExp) =>
  [...dockerfile.matchAll(instruction)].flatMap(([, words = ""]) => words.split(" "))
/** What the image sets. */
const inImage = Object.fromEntries(wordsOf(/^ENV (.*)$/gm).map((pair) => pair.split("=")))

const settingsOf = (env: Environment) =>
  Effect.result(Effect.scoped(Effect.provide(Settings.use(Effect.succeed), Settings.layerFrom(env))))

const docker = ["compose", "--file", file]
const composeIsThere = spawnSync("docker", [...docker, "version"]).status === 0

describe("docker-compose.yml", () => {
  it("is what the Compose specification allows", () => {
    // Its formats are not those of JSON Schema, its ids are of an older draft, and it spells the draft's URL otherwise.
    const ajv = new Ajv2019({ strict: false, validateFormats: false, validateSchema: false }).removeKeyword("id")
    const validate = ajv.compile(composeSpecification)
    expect(validate(parse(readFileSync(file, "utf8"))), JSON.stringify(validate.errors)).toBe(true)
  })

  it.skipIf(!composeIsThere)("is what docker compose takes", () => {
    const { status, stderr } = spawnSync("docker", [...docker, "config", "--quiet"])
    expect(status, stderr.toString()).toBe(0)
  })

  it.effect("gives the service settings that it takes, and each makes a difference", () =>
    Effect.gen(function*() {
      const all = { ...inImage, ...environment }
      const settings = yield* settingsOf(all)
      expect(Result.isSuccess(settings), JSON.stringify(settings)).toBe(true)
      for (const name of Object.keys(environment)) {
        const { [name]: _, ...without } = all
        expect(yield* settingsOf(without), name).not.toEqual(settings)
      }
    }))

  it("opens its ports to this machine alone", () => {
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
    expect(ports.map(resolved)).toContain("127.0.0.1:4000:4000")
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
  })

  it("starts the service when each server says that it is well", () => {
    expect(Object.keys(service.depends_on ?? {}).toSorted()).toEqual(others.map(([name]) => name).toSorted())
    for (const { condition } of Object.values(service.depends_on ?? {})) expect(condition).toBe("service_healthy")
    for (const [name, { healthcheck }] of others) expect(healthcheck?.test[0], name).toBe("CMD")
  })

  it("names each server's version, keeps its data, and starts it again", () => {
    for (const [name, { image, restart, volumes: mounts }] of others) {
      expect(image, name).toMatch(/:\d+\.\d+\.?\d*(-[a-z-]+)?$/)
      expect(restart, name).toBe("unless-stopped")
      for (const mount of mounts) expect(Object.keys(volumes), name).toContain(mount.split(":")[0])
    }
  })
})

describe("Dockerfile", () => {
  it("copies what Docker is shown, and runs as no one in particular", () => {
    const shown = readFileSync(join(root, ".dockerignore"), "utf8").split("\n").filter((line) => line.startsWith("!"))
    const copied = wordsOf(/^COPY (?!--)(.*) \S+$/gm)
    expect(new Set(copied)).toEqual(new Set(shown.map((line) => line.slice(1))))
    expect(wordsOf(/^USER (.*)$/gm)).toEqual(["node"])
  })
})
