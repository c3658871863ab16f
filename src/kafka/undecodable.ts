/**
 * A batch that cannot be decompressed would come again for ever, and nothing after it. In its place come records without
 * key or value, one for each that it holds, at their offsets, with a header that says what is wrong: so each can be put
 * into the dead letters.
 */

/** The header's name; its value is the problem. */
export const undecodable = "vehicle-twin-undecodable"

/** Of Kafka's record batch, version 2: where its fields lie before the records. */
const before = { magic: 45, lastOffsetDelta: 38, count: 4 }
const maxRecords = 1_000_000

/**
 * The records as the library reads them. It hands over the compressed part alone, as a view of the whole batch, whose
 * head says how many there are. Throws the problem again where that is not so.
 */
export const standIns = (compressed: Buffer, problem: unknown): Buffer => {
  const start = compressed.byteOffset - before.magic
  if (start < 0) throw problem
  const head = Buffer.from(compressed.buffer, start, before.magic)
  const count = head.readInt32BE(before.magic - before.count)
  const last = head.readInt32BE(before.magic - before.lastOffsetDelta)
  if (head.readInt8(0) !== 2 || count < 1 || count > maxRecords || last < count - 1) throw problem
  const name = Buffer.from(undecodable)
  const value = Buffer.from((problem instanceof Error ? problem.message : String(problem)).slice(0, 200))
  const header = Buffer.concat([varint(1), varint(name.length), name, varint(value.length), value])
  return Buffer.concat(Array.from({ length: count }, (_, index) => {
    // Attributes, time, offset, no key, no value. Those that compaction has taken out are not known: the last is at its end.
    const offset = index === count - 1 ? last : index
    const record = Buffer.concat([Buffer.alloc(1), varint(0), varint(offset), varint(-1), varint(-1), header])
    return Buffer.concat([varint(record.length), record])
  }))
}

/** Zigzag, 32 bits. */
const varint = (value: number): Buffer => {
  const bytes: Array<number> = []
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 0x7F) {
    bytes.push((rest & 0x7F) | 0x80)
    rest >>>= 7
  }
  return Buffer.from([...bytes, rest])
}
