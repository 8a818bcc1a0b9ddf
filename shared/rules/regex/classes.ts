/** The named sets of code points of JavaScript's regular expressions with the `u` flag. */
import { refuse } from "../limits.ts";
import { complement, normalised, type Ranges } from "./ranges.ts";

const DIGITS: Ranges = [0x30, 0x39];
const WORD: Ranges = normalised([0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]);
const SPACE: Ranges = normalised(
  [
    [9, 13],
    [0x20, 0x20],
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
    [0x2028, 0x2029],
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ].flat(),
);

/** `\d` and its like, by their letter. */
export const CLASSES: ReadonlyMap<string, Ranges> = new Map([
  ["d", DIGITS],
  ["D", complement(DIGITS)],
  ["w", WORD],
  ["W", complement(WORD)],
  ["s", SPACE],
  ["S", complement(SPACE)],
]);

/** What `.` stands for: everything but the ends of lines. */
export const NOT_LINE_END: Ranges = complement(normalised([10, 10, 13, 13, 0x2028, 0x2029]));

const properties = new Map<string, Ranges>();

/** The code points with a Unicode property, such as `Letter` or `Script=Greek`. */
export function propertyRanges(name: string): Ranges {
  const known = properties.get(name);
  if (known !== undefined) return known;
  if (!/^[A-Za-z_]+(=[A-Za-z_]+)?$/.test(name)) throw refuse(`the regular expression names no property: \\p{${name}}`);
  let runs: RegExp;
  try {
    runs = new RegExp(`\\p{${name}}+`, "gu");
  } catch {
    throw refuse(`the regular expression has the property ${name}, which Unicode does not know`);
  }
  const pairs: number[] = [];
  for (let plane = 0; plane <= 16; plane++) pairs.push(...rangesIn(plane, runs));
  const found = normalised(pairs);
  if (properties.size < 64) properties.set(name, found);
  return found;
}

/** The runs of a property's code points in a plane: one search through a text of all of them. */
function rangesIn(plane: number, runs: RegExp): number[] {
  const size = 0x10000;
  const first = plane * size;
  // Surrogates stand for nothing in a text of code points, so they are left out, which moves the offsets after them.
  const codePoints =
    plane === 0
      ? Array.from({ length: size - 0x800 }, (_, i) => (i < 0xd800 ? i : i + 0x800))
      : Array.from({ length: size }, (_, i) => first + i);
  const units = plane === 0 ? 1 : 2;
  let text = "";
  for (let at = 0; at < codePoints.length; at += 4096) text += String.fromCodePoint(...codePoints.slice(at, at + 4096));
  return Array.from(text.matchAll(runs)).flatMap(({ 0: run, index }) => {
    const [from, to] = [index / units, (index + run.length) / units - 1];
    // A run may cross the gap of the surrogates, which no set of code points contains anyway.
    return [codePoints[from]!, codePoints[to]!];
  });
}
