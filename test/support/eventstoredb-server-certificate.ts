/** A certificate for the loopback that is its own authority, and that no one trusts who is not told to. */
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { skipped } from "./say.ts"
import { temporaryFolder } from "./temporary-folder.ts"

/** Without OpenSSL's program tests of TLS are skipped, but not where all of them must have run. */
export const opensslIsThere = process.env["CI"] === "true" || spawnSync("openssl", ["version"]).error === undefined
if (!opensslIsThere) skipped("openssl is not installed, so tests of TLS are not run")

export const makeCertificate = Effect.map(temporaryFolder, (folder) => {
  const key = join(folder, "key.pem")
  const file = join(folder, "certificate.pem")
  const options = `-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost ` +
    `-addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout ${key} -out ${file}`
  execFileSync("openssl", ["req", ...options.split(" ")], { stdio: "ignore" })
  return { file, private_key: readFileSync(key), cert_chain: readFileSync(file) }
})
