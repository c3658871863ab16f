/**
 * Every compression that Kafka knows. The library brings gzip alone, and none of them bounded: a few kilobytes can hold
 * gigabytes of zeros.
 */
import { promisify } from "node:util"
import { gunzip, gzip, zstdCompress, zstdDecompress } from "node:zlib"
import kafkajs from "kafkajs"
import lz4 from "lz4js"
import snappy from "snappyjs"
import { standIns } from "./undecodable.ts"

const { CompressionCodecs, CompressionTypes } = kafkajs

/** What one compressed batch may hold, bytes. A broker takes batches of 1 MiB by default. */
export const maxDecompressedBytes = 64 * 1024 * 1024

/** Throws, or rejects, where the bytes are not what they should be, or hold too much. */
export interface Codec {
  readonly compress: (bytes: Buffer) => Promise<Buffer>
  readonly decompress: (bytes: Buffer) => Promise<Buffer>
}

const bound = { maxOutputLength: maxDecompressedBytes }
const gzipAsync = promisify<Buffer, Buffer>(gzip)
const gunzipAsync = promisify<Buffer, typeof bound, Buffer>(gunzip)
const zstdCompressAsync = promisify<Buffer, Buffer>(zstdCompress)
const zstdDecompressAsync = promisify<Buffer, typeof bound, Buffer>(zstdDecompress)

export const codecs: Readonly<Record<"gzip" | "snappy" | "lz4" | "zstd", Codec>> = {
  gzip: { compress: (bytes) => gzipAsync(bytes), decompress: (bytes) => gunzipAsync(bytes, bound) },
  snappy: {
    compress: async (bytes) => snappy.compress(bytes),
    decompress: async (bytes) => unsnappy(bytes),
  },
  lz4: {
    compress: async (bytes) => lz4Frame(bytes),
    decompress: async (bytes) => unlz4(bytes),
  },
  zstd: { compress: (bytes) => zstdCompressAsync(bytes), decompress: (bytes) => zstdDecompressAsync(bytes, bound) },
}

/** For every client in this process; to do so again changes nothing. */
export const registerCodecs = (): void => {
  CompressionCodecs[CompressionTypes.GZIP] = () => adapted(codecs.gzip)
  CompressionCodecs[CompressionTypes.Snappy] = () => adapted(codecs.snappy)
  CompressionCodecs[CompressionTypes.LZ4] = () => adapted(codecs.lz4)
  CompressionCodecs[CompressionTypes.ZSTD] = () => adapted(codecs.zstd)
}

/** The library hands over its encoder, and the bytes are inside. It would stop at a batch that cannot be read, for ever. */
const adapted = ({ compress, decompress }: Codec) => ({
  compress: ({ buffer }: { readonly buffer: Buffer }) => compress(buffer),
  decompress: (bytes: Buffer) => decompress(bytes).catch((error: unknown) => standIns(bytes, error)),
})

const tooMuch = () => new Error(`holds more than ${maxDecompressedBytes} bytes`)

// Java's clients write snappy as xerial's library frames it: a magic, two versions, then blocks with their lengths.
const xerialMagic = Buffer.from([0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeaderBytes = 16

const unsnappy = (bytes: Buffer): Buffer => {
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) return snappy.uncompress(bytes, maxDecompressedBytes)
  const blocks: Array<Buffer> = []
  let total = 0
  for (let at = xerialHeaderBytes; at < bytes.length;) {
    const length = bytes.readUInt32BE(at)
    at += 4
    if (at + length > bytes.length) throw new Error("ends within a block of snappy")
    const block = snappy.uncompress(bytes.subarray(at, at + length), maxDecompressedBytes - total)
    blocks.push(block)
    total += block.length
    at += length
  }
  return Buffer.concat(blocks, total)
}

// LZ4's frame format, 1.6. The library's own frames are of dependent blocks, which Kafka refuses, and its reader takes
// block checksums to be where they are not: its blocks alone are used.
const lz4Magic = 0x184D2204
const lz4BlockBytes: Readonly<Record<number, number>> = { 4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22 }
const lz4Uncompressed = 0x80000000

/** Magic, version 1 with independent blocks, blocks of 64 KiB, and the checksum of these two. */
const lz4Header = Buffer.from("04224d18604082", "hex")
const lz4WrittenBlock = 1 << 16
const lz4HashTable = new Uint32Array(1 << 16)

const lz4Frame = (bytes: Buffer): Buffer => {
  const parts: Array<Buffer> = [lz4Header]
  for (let at = 0; at < bytes.length; at += lz4WrittenBlock) {
    const block = bytes.subarray(at, at + lz4WrittenBlock)
    const target = Buffer.allocUnsafe(block.length + (block.length >> 7) + 32)
    lz4HashTable.fill(0)
    const length = lz4.compressBlock(block, target, 0, block.length, lz4HashTable)
    // 0 where nothing repeats.
    const isSmaller = length > 0 && length < block.length
    const head = Buffer.allocUnsafe(4)
    head.writeUInt32LE(isSmaller ? length : lz4Uncompressed + block.length)
    parts.push(head, isSmaller ? target.subarray(0, length) : block)
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

const unlz4 = (bytes: Buffer): Buffer => {
  if (bytes.readUInt32LE(0) !== lz4Magic) throw new Error("not a frame of LZ4")
  const flags = bytes.readUInt8(4)
  const blockBytes = lz4BlockBytes[(bytes.readUInt8(5) >> 4) & 7]
  if (flags >> 6 !== 1 || blockBytes === undefined) throw new Error("not a frame of LZ4 as version 1 has it")
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4
  const first = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4)

  const blocks: Array<{ readonly from: number; readonly length: number; readonly isCompressed: boolean }> = []
  let most = 0
  for (let at = first;;) {
    const word = bytes.readUInt32LE(at)
    if (word === 0) break
    const length = word & 0x7FFFFFFF
    at += 4
    if (at + length > bytes.length) throw new Error("ends within a block of LZ4")
    const isCompressed = (word & lz4Uncompressed) === 0
    blocks.push({ from: at, length, isCompressed })
    most += isCompressed ? blockBytes : length
    at += length + checksumBytes
  }

  // A block may refer back to those before it, so they share one target.
  const target = Buffer.allocUnsafe(Math.min(most, maxDecompressedBytes))
  let end = 0
  for (const { from, isCompressed, length } of blocks) {
    if (!isCompressed) bytes.copy(target, end, from, from + length)
    end = isCompressed ? lz4.decompressBlock(bytes, target, from, length, end) : end + length
    if (end > target.length) throw tooMuch()
  }
  return target.subarray(0, end)
}
