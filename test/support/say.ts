/** Past the runner, which keeps what passing tests print to itself: what was counted, and what was skipped and why. */
export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

export const skipped = (why: string): void => say(`Skipped: ${why}`)
