/** A real SMTP server on loopback, which keeps the mails that it takes. */
import { Effect } from "effect"
import { SMTPServer } from "smtp-server"
import { freePort } from "./free-port.ts"

interface Taken {
  readonly from: string
  readonly to: ReadonlyArray<string>
  readonly text: string
}

/** Refuses the addresses that say so, puts `late` ones off once, and refuses every mail while `state` has an answer. */
export const mailServer = Effect.gen(function*() {
  const port = yield* Effect.promise(freePort)
  const taken: Array<Taken> = []
  const state = { answer: undefined as number | undefined }
  let refusals = 0
  const known = new Set<string>()
  const refusal = (code: number, words: string) => Object.assign(new Error(words), { responseCode: code })
  const server = new SMTPServer({
    logger: false,
    disabledCommands: ["STARTTLS"],
    onAuth: ({ password, username }, _, done) =>
      username === "twin" && password === "its password" ? done(null, { user: "twin" }) : done(new Error("no")),
    onRcptTo: ({ address }, _, done) => {
      if (address.startsWith("refused")) return done(refusal(550, "no such user"))
      if (!address.startsWith("late") || known.has(address)) return done()
      known.add(address)
      return done(refusal(450, "greylisted"))
    },
    onData: (stream, { envelope }, done) => {
      const chunks: Array<Buffer> = []
      stream.on("data", (chunk: Buffer) => chunks.push(chunk))
      stream.on("end", () => {
        if (state.answer !== undefined) {
          refusals++
          return done(refusal(state.answer, "not now"))
        }
        taken.push({
          from: envelope.mailFrom === false ? "" : envelope.mailFrom.address,
          to: envelope.rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
        })
        done()
      })
    },
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", () => resolve()))),
    () => Effect.promise(() => new Promise<void>((resolve) => server.close(() => resolve()))),
  )
  const url = (password = "its%20password") => `smtp://twin:${password}@127.0.0.1:${port}`
  return { state, taken, url, refused: () => refusals }
})
