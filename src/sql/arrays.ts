/**
 * Many values as one parameter of PostgreSQL, to be taken apart by `unnest`: one statement, prepared once, serves for
 * any number of rows.
 */

export type ElementType = "text" | "bigint" | "double precision" | "boolean"

/** A parameter to be cast to an array of the type. */
export const arrayOf = (type: ElementType, values: ReadonlyArray<unknown>): string | ReadonlyArray<string | null> => {
  if (type !== "text") return `{${values.map((value) => value ?? "NULL").join(",")}}`
  const texts: Array<string | null> = []
  let some = false
  for (const value of values) {
    if (value === null || value === undefined) texts.push(null)
    else {
      texts.push(storable(`${value}`))
      some = true
    }
  }
  // The client cannot tell what an array of nulls is of.
  return some ? texts : `{${texts.map(() => "NULL").join(",")}}`
}

/**
 * PostgreSQL's text has no NUL; what stands for a character that cannot be shown stands for it, as for half of a
 * surrogate pair.
 */
export const storable = (text: string): string => text.includes("\u0000") ? text.replaceAll("\u0000", "\uFFFD") : text
