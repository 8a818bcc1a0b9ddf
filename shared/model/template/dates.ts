/**
 * Python's `strftime` in the C locale, in UTC.
 */
import { UnsupportedError } from "./failure.ts";

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const DAY = 24 * 3600 * 1000;

/** The codes whose values are numbers, and the digits that they are padded to, with `0` or a space. */
const NUMBERS: Readonly<Record<string, readonly [(date: Date) => number, number, "0" | " "]>> = {
  Y: [(date) => date.getUTCFullYear(), 1, "0"],
  C: [(date) => Math.floor(date.getUTCFullYear() / 100), 2, "0"],
  y: [(date) => date.getUTCFullYear() % 100, 2, "0"],
  G: [(date) => isoWeek(date).year, 4, "0"],
  g: [(date) => isoWeek(date).year % 100, 2, "0"],
  V: [(date) => isoWeek(date).week, 2, "0"],
  m: [(date) => date.getUTCMonth() + 1, 2, "0"],
  d: [(date) => date.getUTCDate(), 2, "0"],
  e: [(date) => date.getUTCDate(), 2, " "],
  j: [(date) => dayOfYear(date) + 1, 3, "0"],
  U: [(date) => Math.floor((dayOfYear(date) + 7 - date.getUTCDay()) / 7), 2, "0"],
  W: [(date) => Math.floor((dayOfYear(date) + 7 - ((date.getUTCDay() + 6) % 7)) / 7), 2, "0"],
  u: [(date) => date.getUTCDay() || 7, 1, "0"],
  w: [(date) => date.getUTCDay(), 1, "0"],
  H: [(date) => date.getUTCHours(), 2, "0"],
  k: [(date) => date.getUTCHours(), 2, " "],
  I: [(date) => date.getUTCHours() % 12 || 12, 2, "0"],
  l: [(date) => date.getUTCHours() % 12 || 12, 2, " "],
  M: [(date) => date.getUTCMinutes(), 2, "0"],
  S: [(date) => date.getUTCSeconds(), 2, "0"],
  s: [(date) => Math.floor(date.getTime() / 1000), 1, "0"],
  f: [(date) => date.getUTCMilliseconds() * 1000, 6, "0"],
};

/** The codes whose values are texts. */
const TEXTS: Readonly<Record<string, (date: Date) => string>> = {
  A: (date) => DAYS[date.getUTCDay()]!,
  a: (date) => DAYS[date.getUTCDay()]!.slice(0, 3),
  B: (date) => MONTHS[date.getUTCMonth()]!,
  b: (date) => MONTHS[date.getUTCMonth()]!.slice(0, 3),
  h: (date) => MONTHS[date.getUTCMonth()]!.slice(0, 3),
  p: (date) => (date.getUTCHours() < 12 ? "AM" : "PM"),
  P: (date) => (date.getUTCHours() < 12 ? "am" : "pm"),
  // `datetime.now()` has no time zone.
  Z: () => "",
  z: () => "",
  n: () => "\n",
  t: () => "\t",
  "%": () => "%",
};

/** The codes that stand for others. */
const COMPOUND: Readonly<Record<string, string>> = {
  D: "%m/%d/%y",
  F: "%Y-%m-%d",
  T: "%H:%M:%S",
  R: "%H:%M",
  r: "%I:%M:%S %p",
  c: "%a %b %e %H:%M:%S %Y",
  x: "%m/%d/%y",
  X: "%H:%M:%S",
};

/** Formats a date. The flags are glibc's: `-` no padding, `_` spaces, `0` zeros, `^` upper case, `#` the other case. */
export function formatDate(date: Date, format: string): string {
  return format.replace(/%([-_0^#]?)(.)/gsu, (whole, flag: string, code: string) => {
    // Python replaces %f itself; with a flag, the platform gets it and leaves it as it is.
    if (code === "f" && flag !== "") return whole;
    if (Object.hasOwn(NUMBERS, code)) {
      const [read, width, padding] = NUMBERS[code]!;
      const digits = String(read(date));
      return flag === "-" ? digits : digits.padStart(width, flag === "_" ? " " : flag === "0" ? "0" : padding);
    }
    const text = Object.hasOwn(TEXTS, code)
      ? TEXTS[code]!(date)
      : Object.hasOwn(COMPOUND, code)
        ? formatDate(date, COMPOUND[code]!)
        : undefined;
    if (text === undefined) throw new UnsupportedError(`formats a date with ${whole}`);
    if (flag === "#") return code === "p" || code === "Z" ? text.toLowerCase() : text.toUpperCase();
    return flag === "^" ? text.toUpperCase() : text;
  });
}

/** Counted from 0. */
function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY);
}

/** Weeks start on Monday; the first one has the year's first Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * DAY);
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}
