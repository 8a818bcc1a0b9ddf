/**
 * Markup: the result of the filter `safe`. It is a text, but `+` escapes anything added to it as HTML, even with
 * autoescaping off.
 */
import { UnsupportedError } from "./failure.ts";
import { Callable, SafeText, type Value } from "./values.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};

/** The filters that keep a safe text safe. */
const KEEPING: ReadonlySet<string> = new Set(
  "string trim upper lower capitalize center indent truncate default d safe".split(" "),
);

export function plain(value: Value): Value {
  return value instanceof SafeText ? value.text : value;
}

/** `value` as a safe text if it is a text and `isSafe`. */
export function marked(value: Value, isSafe: boolean): Value {
  return isSafe && typeof value === "string" ? new SafeText(value) : value;
}

/** The result of a filter on `input`; the filter itself sees only the text. */
export function markedByFilter(name: string, input: Value, result: Value): Value {
  return marked(result, name === "safe" || (input instanceof SafeText && KEEPING.has(name)));
}

/** The operands of `left + right` as texts: where one is safe, the other is escaped. */
export function escapedOperands(left: Value, right: Value): [Value, Value] {
  return [left, right].map((one) => (typeof one === "string" ? escapeMarkup(one) : plain(one))) as [Value, Value];
}

/** A method of a safe text: it returns safe texts, and Jinja2 would escape its text arguments. */
export function safeMethod(method: Value): Value {
  if (!(method instanceof Callable)) return method;
  return new Callable(method.name, (positional, named) => {
    for (const argument of [...positional, ...named.values()]) {
      if (typeof argument === "string" && escapeMarkup(argument) !== argument) {
        throw new UnsupportedError(`calls .${method.name}() of a safe text with a text that HTML escapes`);
      }
    }
    return marked(method.call(positional, named), true);
  });
}

function escapeMarkup(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => ESCAPES[character]!);
}
