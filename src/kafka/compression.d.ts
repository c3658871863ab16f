/** Of libraries that come without types, what is used of them. */
declare module "snappyjs" {
  /** Raw Snappy. Throws where the bytes are not, or hold more than `maxLength`. */
  export function uncompress(compressed: Buffer, maxLength?: number): Buffer
  export function compress(uncompressed: Buffer): Buffer
}

declare module "lz4js" {
  /** Writes what a block holds from `dIndex` on; where it ends. What does not fit is dropped. */
  export function decompressBlock(src: Uint8Array, dst: Uint8Array, sIndex: number, sLength: number, dIndex: number): number
  /** Writes a block; its length, or 0 where nothing of it repeats. The table has 65,536 zeros. */
  export function compressBlock(
    src: Uint8Array,
    dst: Uint8Array,
    sIndex: number,
    sLength: number,
    hashTable: Uint32Array,
  ): number
}
