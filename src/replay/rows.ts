/** What is gathered of an export until it is worth writing: a piece of text, or a group of a table's rows. */
export interface Rows<In, Out> {
  /** How many were added since `take`. */
  readonly rows: number
  readonly isFull: boolean
  readonly add: (from: In) => void
  readonly take: () => Out
}

/** Characters of text that are written at once. */
const blockLength = 256 * 1024

/** Rows as NDJSON: `write` hands out the lines, each with its newline, to whatever is added. */
export class TextRows<In> implements Rows<In, Uint8Array<ArrayBuffer>> {
  readonly #write: (from: In, line: (text: string) => void) => void
  #text = ""
  #rows = 0

  constructor(write: (from: In, line: (text: string) => void) => void) {
    this.#write = write
  }

  get rows(): number {
    return this.#rows
  }

  get isFull(): boolean {
    return this.#text.length >= blockLength
  }

  add(from: In): void {
    this.#write(from, this.#line)
  }

  take(): Uint8Array<ArrayBuffer> {
    // Of a buffer of its own, so that it can be transferred to another thread.
    const bytes = new TextEncoder().encode(this.#text)
    this.#text = ""
    this.#rows = 0
    return bytes
  }

  readonly #line = (text: string): void => {
    this.#text += text
    this.#rows++
  }
}
