#!/usr/bin/env node
// The command. npm starts it with whatever Node the machine has; the service needs one that runs TypeScript as it is
// and has node:sqlite. An older one starts the Node that comes with this package in its place.
import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const main = new URL("main.ts", import.meta.url)
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
const isOld = major < 22 || (major === 22 && minor < 19) || (major === 23 && minor < 6)

if (isOld) startPinned()
else await import(main.href)

function startPinned() {
  const binary = process.platform === "win32" ? "node.exe" : "node"
  let node
  try {
    node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", binary)
  } catch {
    return giveUp("its own Node is not installed")
  }
  // The Kafka client starts timers of negative length, harmlessly.
  const flags = ["--disable-warning=TimeoutNegativeWarning"]
  const child = spawn(node, [...flags, fileURLToPath(main), ...process.argv.slice(2)], { stdio: "inherit" })
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  child.on("error", (error) => giveUp(error.message))
  child.on("exit", (code, signal) => {
    for (const name of signals) process.removeAllListeners(name)
    if (signal === null) process.exitCode = code ?? 1
    else process.kill(process.pid, signal)
  })
}

/** @param {string} why */
function giveUp(why) {
  console.error(`vehicle-twin needs Node 22.19 or newer; this is ${process.version}, and ${why}. Run npm ci.`)
  process.exitCode = 1
}
