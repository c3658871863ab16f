/** Gives a file its name, in a way that a power cut cannot take back. */
import { open, rename as renameFile } from "node:fs/promises"
import { dirname } from "node:path"

export const rename = async (from: string, to: string): Promise<void> => {
  await renameFile(from, to)
  const folder = await open(dirname(to))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
