/**
 * Properties are tried on other cases at each run, so that more are found; where a run decides over a change it is the
 * same ones each time, so that what fails was broken by the change. `FC_SEED` takes another seed.
 */
import { configureGlobal } from "fast-check"

const seed = process.env["FC_SEED"] ?? (process.env["CI"] === "true" ? "20261122" : undefined)
if (seed !== undefined) configureGlobal({ seed: Number(seed) })
