/** Says what is skipped and why, past the runner, which keeps what passing tests print to itself. */
export const skipped = (why: string): void => {
  process.stderr.write(`Skipped: ${why}\n`)
}
