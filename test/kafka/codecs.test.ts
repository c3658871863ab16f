import { deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib"
import * as fc from "fast-check"
import snappy from "snappyjs"
import { describe, expect, it } from "vitest"
import { codecs, maxDecompressedBytes } from "../../src/kafka/codecs.ts"
import java from "./java-compressed.json" with { type: "json" }

const text = Buffer.from(JSON.stringify({ signals: { "Vehicle.Speed": 88.5 } }).repeat(5_000))

const uint32 = (value: number, order: "BE" | "LE") => {
  const bytes = Buffer.alloc(4)
  if (order === "BE") bytes.writeUInt32BE(value)
  else bytes.writeUInt32LE(value)
  return bytes
}

/** As Java's clients frame it. */
const xerial = (...blocks: ReadonlyArray<Buffer>) =>
  Buffer.concat([
    Buffer.from([0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0x00]),
    uint32(1, "BE"),
    uint32(1, "BE"),
    ...blocks.flatMap((block) => {
      const compressed = snappy.compress(block)
      return [uint32(compressed.length, "BE"), compressed]
    }),
  ])

/** A frame of blocks that are stored as they are. */
const lz4Stored = (flags: number, ...blocks: ReadonlyArray<Buffer>) => {
  const hasBlockChecksums = (flags & 0x10) !== 0
  return Buffer.concat([
    uint32(0x184D2204, "LE"),
    Buffer.from([flags, 0x40]),
    (flags & 0x08) === 0 ? Buffer.alloc(0) : Buffer.alloc(8),
    Buffer.alloc(1),
    ...blocks.flatMap((block) => [
      uint32(0x80000000 + block.length, "LE"),
      block,
      hasBlockChecksums ? Buffer.from("csum") : Buffer.alloc(0),
    ]),
    uint32(0, "LE"),
  ])
}

describe.each(["gzip", "snappy", "lz4", "zstd"] as const)("%s", (name) => {
  const { compress, decompress } = codecs[name]

  it("gives back what it was given", async () => {
    expect((await decompress(await compress(text))).equals(text)).toBe(true)
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (bytes) => {
      expect((await decompress(await compress(Buffer.from(bytes)))).equals(bytes)).toBe(true)
    }))
  })

  it("fails on what is not it, at once", async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      const result = await decompress(Buffer.from(bytes)).catch((error: unknown) => error)
      expect(result instanceof Error || Buffer.isBuffer(result)).toBe(true)
    }))
    await expect(decompress(Buffer.from("not compressed at all"))).rejects.toThrow(Error)
  })

  it("does not yield more than its bound", async () => {
    const bomb = await compress(Buffer.alloc(maxDecompressedBytes + 1))
    await expect(decompress(bomb)).rejects.toThrow(Error)
  })
})

/** What Kafka's own client library for Java (4.2.1) makes of `javaText`, in base64. */
const javaCompressed = Object.entries(java)
const javaText = Array.from({ length: 2_000 }, (_, seq) => `{"seq":${seq},"signals":{"Vehicle.Speed":88.5}}\n`).join("")

describe("compressed by others", () => {
  it.each(javaCompressed)("%s is read as Java writes it", async (name, base64) => {
    const codec = new Map(Object.entries(codecs)).get(name)
    expect((await codec?.decompress(Buffer.from(base64, "base64")))?.toString()).toBe(javaText)
  })

  it("Snappy may come raw, or in one or more blocks as Java frames it", async () => {
    const half = text.length / 2
    for (const bytes of [snappy.compress(text), xerial(text), xerial(text.subarray(0, half), text.subarray(half))]) {
      expect((await codecs.snappy.decompress(bytes)).equals(text)).toBe(true)
    }
    await expect(codecs.snappy.decompress(xerial(text).subarray(0, 100))).rejects.toThrow("ends within a block")
  })

  it("LZ4 may have stored blocks, their checksums and the content's size", async () => {
    const blocks = [text.subarray(0, 60_000), text.subarray(60_000, 100_000)]
    for (const flags of [0x60, 0x70, 0x78, 0x40]) {
      expect((await codecs.lz4.decompress(lz4Stored(flags, ...blocks))).equals(text.subarray(0, 100_000))).toBe(true)
    }
  })

  it("gzip and ZSTD may come from anywhere", async () => {
    expect((await codecs.gzip.decompress(gzipSync(text, { level: 9 }))).equals(text)).toBe(true)
    expect((await codecs.zstd.decompress(zstdCompressSync(text))).equals(text)).toBe(true)
    await expect(codecs.gzip.decompress(deflateRawSync(text))).rejects.toThrow(Error)
  })
})
