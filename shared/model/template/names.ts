/**
 * The names of Jinja2's filters and tests: the supported and the unsupported ones.
 */
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

/** Jinja2's other filters and tests: markup, random choices, and layout for people. */
export const UNSUPPORTED_NAMES: Readonly<Record<"filter" | "test", ReadonlySet<string>>> = {
  filter: new Set("e escape filesizeformat forceescape pprint random striptags urlize wordwrap xmlattr".split(" ")),
  test: new Set(["escaped"]),
};
