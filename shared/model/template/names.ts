/**
 * The names of Jinja2's filters and tests: those that exist here, and those that do not, which are refused when a
 * template is compiled.
 */
import { failure } from "./failure.ts";

export const FILTER_NAMES: ReadonlySet<string> = new Set(
  (
    "abs attr batch capitalize center count d default dictsort first float format groupby indent int items join last " +
    "length list lower map max min reject rejectattr replace reverse round safe select selectattr slice sort string sum " +
    "title tojson trim truncate unique upper urlencode wordcount"
  ).split(" "),
);

export const TEST_NAMES: ReadonlySet<string> = new Set(
  (
    "!= < <= == > >= boolean callable defined divisibleby eq equalto even false filter float ge greaterthan gt in " +
    "integer iterable le lessthan lower lt mapping ne none number odd sameas sequence string test true undefined upper"
  ).split(" "),
);

/** Filters and tests that Jinja2 has: markup, random choices, and layout for people. */
const UNSUPPORTED: Readonly<Record<"filter" | "test", ReadonlySet<string>>> = {
  filter: new Set("e escape filesizeformat forceescape pprint random striptags urlize wordwrap xmlattr".split(" ")),
  test: new Set(["escaped"]),
};

/** The error for a filter or test that is not in the tables above. */
export function unsupportedName(kind: "filter" | "test", name: string, line: number): Error {
  const problem = UNSUPPORTED[kind].has(name) ? "is not supported" : "does not exist in Jinja";
  return failure(`uses the ${kind} ${name} in line ${line}, which ${problem}`);
}
