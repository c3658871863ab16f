/**
 * Whole numbers as text, for states with figures of every cell: most take two or three characters, and one text is
 * stored and read several times faster than an array. Five bits a character, the lowest first, the sixth saying that
 * more follow; the lowest bit of a number is its sign, as in source maps.
 */
export type Packed = string

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const codeOf = Uint8Array.from(digits, (digit) => digit.charCodeAt(0))
const valueOf = new Uint8Array(128)
for (const [value, code] of codeOf.entries()) valueOf[code] = value

const more = 32
/** Up to here the bits of a number can be shifted. */
const maxShifted = 2 ** 30
/** A number takes so many characters at most. */
const maxLength = 11

const decoder = new TextDecoder()
let written = new Uint8Array(1024)

/** Rounded; what is no number as 0, and what is beyond the safe integers as the last of them. */
export const pack = (values: ReadonlyArray<number>): Packed => {
  if (written.length < values.length * maxLength) written = new Uint8Array(values.length * maxLength)
  let length = 0
  for (const value of values) {
    const whole = Math.round(value)
    if (whole < maxShifted && whole > -maxShifted) {
      let left = whole < 0 ? -whole << 1 | 1 : whole << 1
      for (; left >= more; left >>>= 5) written[length++] = codeOf[left & 31 | more] ?? 0
      written[length++] = codeOf[left] ?? 0
    } else {
      const size = Math.min(Math.abs(whole), Number.MAX_SAFE_INTEGER / 2) || 0
      let left = 2 * Math.floor(size) + (whole < 0 ? 1 : 0)
      for (; left >= more; left = Math.floor(left / more)) written[length++] = codeOf[left % more + more] ?? 0
      written[length++] = codeOf[left] ?? 0
    }
  }
  return decoder.decode(written.subarray(0, length))
}

/** What was packed, each over `scale`. */
export const unpack = (packed: Packed, scale = 1): Array<number> => {
  const values: Array<number> = []
  for (let i = 0; i < packed.length; i++) {
    let digit = valueOf[packed.charCodeAt(i) & 127] ?? 0
    const isNegative = (digit & 1) === 1
    let size = (digit & 31) >> 1
    for (let place = 16; digit >= more && i + 1 < packed.length; place *= more) {
      digit = valueOf[packed.charCodeAt(++i) & 127] ?? 0
      size += (digit & 31) * place
    }
    values.push(isNegative ? -size / scale : size / scale)
  }
  return values
}
