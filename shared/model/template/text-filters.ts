/**
 * Jinja2's filters on texts.
 */
import type { Budget } from "./budget.ts";
import type { CallArguments } from "./call-arguments.ts";
import { PythonError } from "./failure.ts";
import type { Filter } from "./filter.ts";
import { toJson } from "./json.ts";
import { characters, isTrue, iterate, textLength } from "./operators.ts";
import { capitalise, joinTexts, justified, lowerCase, replace, stringMethod, strip } from "./string-methods.ts";
import { toText } from "./text.ts";
import { Dict, isList, Tuple, Undefined, type Value } from "./values.ts";

export const TEXT_FILTERS: Readonly<Record<string, Filter>> = {
  string: { parameters: [], run: (value, _, { budget }) => toText(value, budget) },
  safe: { parameters: [], run: (value, _, { budget }) => toText(value, budget) },
  upper: { parameters: [], run: (value, _, { budget }) => toText(value, budget).toUpperCase() },
  lower: { parameters: [], run: (value, _, { budget }) => lowerCase(toText(value, budget)) },
  capitalize: { parameters: [], run: (value, _, { budget }) => capitalise(toText(value, budget)) },
  title: { parameters: [], run: (value, _, { budget }) => title(toText(value, budget)) },
  trim: {
    parameters: ["chars"],
    run: (value, args, { budget }) => strip(toText(value, budget), args.optionalText("chars"), "both"),
  },
  center: {
    parameters: ["width"],
    run: (value, args, { budget }) =>
      justified(toText(value, budget), { width: args.integer("width", 80), fill: " ", align: "both", budget }),
  },
  replace: {
    parameters: ["old", "new", "count"],
    run: (value, args, { budget }) =>
      replace(toText(value, budget), {
        old: toText(args.required("old"), budget),
        by: toText(args.required("new"), budget),
        count: (args.optional("count") ?? null) === null ? -1 : args.integer("count"),
        budget,
      }),
  },
  indent: { parameters: ["width", "first", "blank"], run: (value, args, { budget }) => indent(value, args, budget) },
  truncate: {
    parameters: ["length", "killwords", "end", "leeway"],
    run: (value, args, { budget }) => truncate(value, args, budget),
  },
  wordcount: {
    parameters: [],
    run: (value, _, { budget }) => BigInt(toText(value, budget).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  },
  urlencode: { parameters: [], run: (value, _, { budget }) => urlEncode(value, budget) },
  tojson: {
    parameters: ["ensure_ascii", "indent", "separators", "sort_keys"],
    run: (value, args, { budget }) => json(value, args, budget),
  },
};

/** Splits as Jinja2 does: a word starts after white space, a hyphen or an opening bracket. */
function title(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map((word) => {
      const [first = ""] = characters(word);
      return first.toUpperCase() + lowerCase(word.slice(first.length));
    })
    .join("");
}

function indent(value: Value, args: CallArguments, budget: Budget): string {
  if (value instanceof Undefined) throw value.error();
  if (typeof value !== "string") throw new PythonError("indent needs a text");
  const width = args.optional("width") ?? 4n;
  if (typeof width === "bigint") budget.make(Number(width));
  const indentation = typeof width === "string" ? width : " ".repeat(Math.max(0, args.integer("width", 4)));
  const lines = stringMethod(`${value}\n`, "splitlines", budget)!([], new Map()) as string[];
  const indentBlank = isTrue(args.optional("blank") ?? false);
  const indented = lines.map((line, index) => (index > 0 && (indentBlank || line !== "") ? indentation + line : line));
  const text = joinTexts(indented, "\n", budget);
  return isTrue(args.optional("first") ?? false) ? indentation + text : text;
}

function truncate(value: Value, args: CallArguments, budget: Budget): string {
  const text = toText(value, budget);
  const length = args.integer("length", 255);
  const end = args.optional("end") === undefined ? "..." : args.text("end");
  const leeway = (args.optional("leeway") ?? null) === null ? 5 : args.integer("leeway");
  if (length < textLength(end) || leeway < 0) throw new PythonError("truncate needs a length of at least its ending's");
  const all = characters(text);
  if (all.length <= length + leeway) return text;
  const kept = all.slice(0, length - textLength(end)).join("");
  if (isTrue(args.optional("killwords") ?? false)) return kept + end;
  const space = kept.lastIndexOf(" ");
  return (space < 0 ? kept : kept.slice(0, space)) + end;
}

function urlEncode(value: Value, budget: Budget): string {
  const quote = (one: Value, forQuery: boolean) => {
    const quoted = encodeURIComponent(toText(one, budget).toWellFormed()).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return forQuery ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
  };
  if (!(value instanceof Dict) && !(value instanceof Tuple) && !isList(value)) return quote(value, false);
  const pairs = value instanceof Dict ? value.entries() : iterate(value, budget).map((pair) => iterate(pair, budget));
  return pairs.map((pair) => `${quote(pair[0]!, true)}=${quote(pair[1]!, true)}`).join("&");
}

/** transformers' replacement of Jinja2's filter: `json.dumps` without escaping HTML. */
function json(value: Value, args: CallArguments, budget: Budget): string {
  const indentation = args.optional("indent") ?? null;
  const separators = args.optional("separators") ?? null;
  const [itemSeparator, keySeparator] =
    separators === null
      ? [indentation === null ? ", " : ",", ": "]
      : iterate(separators, budget).map((one) => toText(one, budget));
  if (itemSeparator === undefined || keySeparator === undefined) throw new PythonError("tojson needs two separators");
  if (indentation !== null && typeof indentation !== "string") budget.make(args.integer("indent"));
  return toJson(
    value,
    {
      ensureAscii: isTrue(args.optional("ensure_ascii") ?? false),
      indent:
        indentation === null
          ? undefined
          : typeof indentation === "string"
            ? indentation
            : " ".repeat(Math.max(0, args.integer("indent"))),
      itemSeparator,
      keySeparator,
      sortKeys: isTrue(args.optional("sort_keys") ?? false),
    },
    budget,
  );
}
