/** Which signals a reader asked for: a path names a signal, or a branch and with it all signals below. */
export type PathFilter = (path: string) => boolean

/** All signals where no paths are given. */
export const pathFilter = (paths: ReadonlyArray<string> | undefined): PathFilter => {
  if (paths === undefined) return () => true
  const wanted = new Set(paths)
  return (path) => {
    if (wanted.has(path)) return true
    for (let dot = path.lastIndexOf("."); dot > 0; dot = path.lastIndexOf(".", dot - 1)) {
      if (wanted.has(path.slice(0, dot))) return true
    }
    return false
  }
}
