/** The values of a column as rows are added, in forms that cross to another thread cheaply. */
import type { Values } from "./parquet.ts"

export class TextBuffer {
  #values: Array<string | null> = []

  get length(): number {
    return this.#values.length
  }

  push(value: string | null): void {
    this.#values.push(value)
  }

  take(): Values {
    const taken = this.#values
    this.#values = []
    return taken
  }
}

/** For values that come several times in a row: each run is kept once. */
export class RunTextBuffer {
  #codes = new Int32Array(1_024)
  #length = 0
  #dictionary: Array<string> = []
  #last: string | null = null
  #code = -1

  push(value: string | null): void {
    if (value !== this.#last) {
      this.#last = value
      this.#code = value === null ? -1 : this.codeOf(value, this.#dictionary)
    }
    if (this.#length === this.#codes.length) {
      const longer = new Int32Array(2 * this.#length)
      longer.set(this.#codes)
      this.#codes = longer
    }
    this.#codes[this.#length++] = this.#code
  }

  protected codeOf(value: string, dictionary: Array<string>): number {
    return dictionary.push(value) - 1
  }

  take(): Values {
    const taken = { dictionary: this.#dictionary, codes: this.#codes.slice(0, this.#length) }
    this.#dictionary = []
    this.#last = null
    this.#code = -1
    this.#length = 0
    return taken
  }
}

/** For values that come again and again: each is kept once. */
export class RepeatingTextBuffer extends RunTextBuffer {
  readonly #known = new Map<string, number>()

  protected override codeOf(value: string, dictionary: Array<string>): number {
    let code = this.#known.get(value)
    if (code === undefined) {
      code = dictionary.push(value) - 1
      this.#known.set(value, code)
    }
    return code
  }

  override take(): Values {
    this.#known.clear()
    return super.take()
  }
}

export class NumberBuffer {
  #values = new Float64Array(1_024)
  #length = 0

  /** NaN for null. */
  push(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Float64Array(2 * this.#length)
      longer.set(this.#values)
      this.#values = longer
    }
    this.#values[this.#length++] = value
  }

  take(): Values {
    const taken = this.#values.slice(0, this.#length)
    this.#length = 0
    return taken
  }
}
