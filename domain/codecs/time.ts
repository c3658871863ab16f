const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/** The last instant that is still written with a year of four digits. */
const latest = Date.parse("9999-12-31T23:59:59.999Z")

const daysInMonth = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Epoch ms of an RFC 3339 time with a zone, years 1970 to 9999 in UTC; undefined for anything else. */
export const parseTime = (text: unknown): number | undefined => {
  if (typeof text !== "string") return undefined
  const parts = rfc3339.exec(text)
  // Date.parse takes the 29th of any February for a day.
  if (parts === null || Number(parts[3]) > daysInMonth(Number(parts[1]), Number(parts[2]))) return undefined
  const time = Date.parse(text.toUpperCase())
  return time >= 0 && time <= latest ? time : undefined
}
