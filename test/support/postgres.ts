/** A real PostgreSQL on a free port, with its files in a temporary folder; stopped when the scope closes. */
import { execFile, execFileSync } from "node:child_process"
import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { Effect } from "effect"
import { freePort } from "./free-port.ts"
import { skipped } from "./say.ts"
import { type ServerProcess, serverProcess } from "./server-process.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const installations = "/usr/lib/postgresql"

/** Debian keeps each version's programs in a folder of its own. */
const bin = (existsSync(installations) ? readdirSync(installations) : [])
  .toSorted((a, b) => Number(b) - Number(a))
  .map((version) => join(installations, version, "bin"))
  .find((folder) => existsSync(join(folder, "initdb")))

/** Without PostgreSQL its tests are skipped, but not where all of them must have run. */
export const postgresIsThere = process.env["CI"] === "true" || bin !== undefined
if (!postgresIsThere) skipped("PostgreSQL is not installed, so tests that need it are not run")

export interface Postgres extends ServerProcess {
  readonly port: number
  /** Of a database that is there and empty. */
  readonly url: string
  readonly directory: string
  /** The URL of one more, empty database. */
  readonly newDatabase: Effect.Effect<string>
}

export interface PostgresOptions {
  /** Whether a commit waits for the disk; else a SIGKILL is survived all the same, but not the loss of power. */
  readonly fsync?: boolean
  /** `name=value`, as in `postgresql.conf`. */
  readonly configuration?: ReadonlyArray<string>
  /** Started later, by `start`. */
  readonly stopped?: boolean
}

const run = promisify(execFile)
const user = "twin"
const password = "twin-secret"
const setUp = "--no-sync --encoding UTF8 --locale C --auth scram-sha-256"

/** It refuses to run as root. */
const unprivileged = () => {
  if (process.getuid?.() !== 0) return undefined
  const id = (of: string) => Number(execFileSync("id", [of, "postgres"]))
  return { uid: id("-u"), gid: id("-g") }
}

export const postgres = Effect.fnUntraced(function*(options: PostgresOptions = {}) {
  if (bin === undefined) throw new Error("PostgreSQL is not installed")
  const directory = yield* temporaryFolder
  const as = unprivileged()
  const data = join(directory, "data")
  const passwordFile = join(directory, "password")
  mkdirSync(data)
  writeFileSync(passwordFile, password)
  if (as !== undefined) for (const path of [directory, data, passwordFile]) chownSync(path, as.uid, as.gid)
  const port = yield* Effect.promise(freePort)
  yield* Effect.promise(() =>
    run(join(bin, "initdb"), [...setUp.split(" "), "-D", data, "-U", user, "--pwfile", passwordFile], {
      cwd: directory,
      ...as,
    })
  )
  const configuration = [
    "listen_addresses=127.0.0.1",
    `port=${port}`,
    `unix_socket_directories=${directory}`,
    `fsync=${options.fsync === false ? "off" : "on"}`,
    ...options.configuration ?? [],
  ]
  const server = yield* serverProcess({
    name: "PostgreSQL",
    command: [join(bin, "postgres"), "-D", data, ...configuration.flatMap((line) => ["-c", line])],
    log: join(directory, "postgres.log"),
    // It rolls back what is open; SIGTERM would wait until the last client has gone.
    stopSignal: "SIGINT",
    user: as,
    isUp: () => run(join(bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", `${port}`]).then(() => true, () => false),
  })
  if (options.stopped !== true) yield* server.start
  const urlOf = (database: string) => `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
  const url = urlOf("postgres")
  let databases = 0
  const running: Postgres = {
    ...server,
    port,
    url,
    directory,
    newDatabase: Effect.suspend(() => {
      const name = `twin_${++databases}`
      return Effect.as(sql(url, `CREATE DATABASE ${name}`), urlOf(name))
    }),
  }
  return running
})

const sql = (url: string, statement: string) =>
  Effect.promise(() => run(join(bin ?? "", "psql"), ["-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]))

/** An empty database of the server that `TEST_DATABASE_URL` names, or of our own: for tests that do not end it. */
export const postgresUrl = Effect.suspend(() => {
  const named = process.env["TEST_DATABASE_URL"]
  if (!named) return Effect.map(postgres({ fsync: false }), ({ url }) => url)
  return Effect.map(newDatabaseIn(named), ({ href }) => href)
})

const newDatabaseIn = (server: string) => {
  const url = new URL(server)
  url.pathname = `twin_test_${process.pid}_${Date.now()}`
  const name = url.pathname.slice(1)
  return Effect.as(
    Effect.acquireRelease(
      sql(server, `CREATE DATABASE ${name}`),
      () => sql(server, `DROP DATABASE ${name} WITH (FORCE)`),
    ),
    url,
  )
}
