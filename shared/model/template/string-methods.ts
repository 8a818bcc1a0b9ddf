/**
 * The methods of Python's `str`.
 */
import type { Budget } from "./budget.ts";
import { CallArguments } from "./call-arguments.ts";
import { PythonError } from "./failure.ts";
import { characters, iterate, textLength } from "./operators.ts";
import { sliceBounds } from "./slices.ts";
import { type NamedValues, Tuple, typeName, type Value } from "./values.ts";
import { isSpace, splitWords, stripEnd, stripStart } from "./whitespace.ts";

interface Method {
  readonly parameters: readonly string[];
  run(text: string, args: CallArguments, budget: Budget): Value;
}

const method = (parameters: string, run: Method["run"]): Method => ({
  parameters: parameters === "" ? [] : parameters.split(" "),
  run,
});

const METHODS: Readonly<Record<string, Method>> = {
  upper: method("", (text) => text.toUpperCase()),
  lower: method("", (text) => lowerCase(text)),
  casefold: method("", (text) => text.toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ")),
  capitalize: method("", (text) => capitalise(text)),
  title: method("", (text) => title(text)),
  swapcase: method("", (text) =>
    characters(text)
      .map((one) => (isUpperCharacter(one) ? one.toLowerCase() : one.toUpperCase()))
      .join(""),
  ),
  strip: method("chars", (text, args) => strip(text, args.optionalText("chars"), "both")),
  lstrip: method("chars", (text, args) => strip(text, args.optionalText("chars"), "start")),
  rstrip: method("chars", (text, args) => strip(text, args.optionalText("chars"), "end")),
  split: method("sep maxsplit", (text, args) => split(text, args)),
  rsplit: method("sep maxsplit", (text, args) => splitFromEnd(text, args)),
  splitlines: method("keepends", (text, args) => splitLines(text, args.optional("keepends") === true)),
  partition: method("sep", (text, args) => partition(text, args.text("sep"), false)),
  rpartition: method("sep", (text, args) => partition(text, args.text("sep"), true)),
  replace: method("old new count", (text, args, budget) =>
    replace(text, { old: args.text("old"), by: args.text("new"), count: args.integer("count", -1), budget }),
  ),
  startswith: method("prefix start end", (text, args) => affix(text, args, "prefix")),
  endswith: method("suffix start end", (text, args) => affix(text, args, "suffix")),
  removeprefix: method("prefix", (text, args) => {
    const prefix = args.text("prefix");
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  }),
  removesuffix: method("suffix", (text, args) => {
    const suffix = args.text("suffix");
    return suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  }),
  join: method("iterable", (text, args, budget) => join(text, args.required("iterable"), budget)),
  find: method("sub start end", (text, args) => BigInt(find(text, args, "first"))),
  rfind: method("sub start end", (text, args) => BigInt(find(text, args, "last"))),
  index: method("sub start end", (text, args) => BigInt(found(find(text, args, "first")))),
  rindex: method("sub start end", (text, args) => BigInt(found(find(text, args, "last")))),
  count: method("sub start end", (text, args) => BigInt(count(window(text, args), args.text("sub")))),
  center: method("width fillchar", (text, args, budget) => justify(text, args, { align: "both", budget })),
  ljust: method("width fillchar", (text, args, budget) => justify(text, args, { align: "start", budget })),
  rjust: method("width fillchar", (text, args, budget) => justify(text, args, { align: "end", budget })),
  zfill: method("width", (text, args, budget) => {
    const missing = args.integer("width") - textLength(text);
    if (missing <= 0) return text;
    budget.make(missing);
    const sign = /^[-+]/.exec(text)?.[0] ?? "";
    return sign + "0".repeat(missing) + text.slice(sign.length);
  }),
  isalpha: method("", (text) => /^\p{L}+$/u.test(text)),
  isalnum: method("", (text) => /^[\p{L}\p{N}]+$/u.test(text)),
  isdigit: method("", (text) => /^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨]+$/u.test(text)),
  isdecimal: method("", (text) => /^\p{Nd}+$/u.test(text)),
  isnumeric: method("", (text) => /^\p{N}+$/u.test(text)),
  isspace: method("", (text) => isSpace(text)),
  isascii: method("", (text) => !/[^\0-\x7f]/.test(text)),
  isupper: method("", (text) => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text)),
  islower: method("", (text) => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text)),
  istitle: method("", (text) => /\p{L}/u.test(text) && title(text) === text),
};

/** The methods whose arguments may be given by name. */
const NAMED: ReadonlySet<string> = new Set(["split", "rsplit", "splitlines"]);

/** The method of this name, bound to `text`; undefined when `str` has none or it is not supported. */
export function stringMethod(text: string, name: string, budget: Budget) {
  if (!Object.hasOwn(METHODS, name)) return undefined;
  const { parameters, run } = METHODS[name]!;
  return (positional: readonly Value[], named: NamedValues): Value => {
    if (named.size > 0 && !NAMED.has(name)) throw new PythonError(`str.${name}() takes no keyword arguments`);
    const args = new CallArguments(`str.${name}()`, parameters, positional, named);
    budget.read(text.length);
    for (const argument of positional) if (typeof argument === "string") budget.read(argument.length);
    return run(text, args, budget);
  };
}

/** Python lowers a final Σ to ς after a letter, as JavaScript does; both lower İ to two code points. */
export function lowerCase(text: string): string {
  return text.toLowerCase();
}

export function capitalise(text: string): string {
  const first = characters(text)[0] ?? "";
  return titleCharacter(first) + lowerCase(text.slice(first.length));
}

function title(text: string): string {
  return text.replace(/[\p{Lu}\p{Ll}\p{Lt}]+/gu, (word) => capitalise(word));
}

/** Digraph letters have a separate form at the start of a word. */
const DIGRAPHS: Readonly<Record<string, string>> = { ǆ: "ǅ", Ǆ: "ǅ", ǉ: "ǈ", Ǉ: "ǈ", ǌ: "ǋ", Ǌ: "ǋ", ǳ: "ǲ", Ǳ: "ǲ" };

function titleCharacter(character: string): string {
  const digraph = DIGRAPHS[character];
  if (digraph !== undefined) return digraph;
  const upper = character.toUpperCase();
  const [first = "", ...rest] = characters(upper);
  return first + rest.join("").toLowerCase();
}

function isUpperCharacter(character: string): boolean {
  return /\p{Lu}/u.test(character);
}

/** Removes white space, or any of `chars`, from one end or both. */
export function strip(text: string, chars: string | undefined, side: "both" | "start" | "end"): string {
  const set = chars === undefined ? undefined : new Set(chars);
  const left = side === "end" ? text : stripStart(text, set);
  return side === "start" ? left : stripEnd(left, set);
}

function separatorOf(args: CallArguments): string | undefined {
  const separator = args.optionalText("sep");
  if (separator === "") throw new PythonError("empty separator");
  return separator;
}

function limitOf(args: CallArguments): number {
  const limit = args.integer("maxsplit", -1);
  return limit < 0 ? Number.POSITIVE_INFINITY : limit;
}

function split(text: string, args: CallArguments): Value {
  const separator = separatorOf(args);
  const limit = limitOf(args);
  if (separator === undefined) return splitWords(text, limit);
  const parts = text.split(separator);
  return parts.length <= limit + 1 ? parts : [...parts.slice(0, limit), parts.slice(limit).join(separator)];
}

function splitFromEnd(text: string, args: CallArguments): Value {
  const separator = separatorOf(args);
  const limit = limitOf(args);
  if (separator === undefined) {
    if (limit === Number.POSITIVE_INFINITY) return splitWords(text);
    const reversed = splitWords(characters(text).reverse().join(""), limit);
    return reversed.map((word) => characters(word).reverse().join("")).reverse();
  }
  const parts: string[] = [];
  let end = text.length;
  while (parts.length < limit) {
    const at = end < separator.length ? -1 : text.lastIndexOf(separator, end - separator.length);
    if (at < 0) break;
    parts.push(text.slice(at + separator.length, end));
    end = at;
  }
  return [text.slice(0, end), ...parts.reverse()];
}

const LINE_ENDS: ReadonlySet<string> = new Set("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029");

function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (!LINE_ENDS.has(text[at]!)) continue;
    const end = text[at] === "\r" && text[at + 1] === "\n" ? at + 2 : at + 1;
    lines.push(text.slice(start, keepEnds ? end : at));
    start = end;
    at = end - 1;
  }
  return start < text.length ? [...lines, text.slice(start)] : lines;
}

function partition(text: string, separator: string, fromEnd: boolean): Tuple {
  if (separator === "") throw new PythonError("empty separator");
  const at = fromEnd ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (at < 0) return new Tuple(fromEnd ? ["", "", text] : [text, "", ""]);
  return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
}

/** Python's `str.replace`; a negative count replaces every occurrence. */
export function replace(text: string, options: { old: string; by: string; count: number; budget: Budget }): string {
  const { old, by, budget } = options;
  const limit = options.count < 0 ? Number.POSITIVE_INFINITY : options.count;
  const parts = old === "" ? ["", ...characters(text), ""] : text.split(old);
  const times = Math.min(limit, parts.length - 1);
  budget.make(text.length + times * Math.max(0, by.length - old.length));
  const tail = parts.slice(times + 1);
  const head = parts.slice(0, times + 1).join(by);
  return tail.length === 0 ? head : head + old + tail.join(old);
}

/** The part of the text that `start` and `end` select, in code points. */
function window(text: string, args: CallArguments): string {
  const [start, end] = [args.optional("start") ?? null, args.optional("end") ?? null];
  if (start === null && end === null) return text;
  const all = characters(text);
  const bounds = sliceBounds(all.length, [start, end, null]);
  return all.slice(bounds.start, Math.max(bounds.start, bounds.stop)).join("");
}

function affix(text: string, args: CallArguments, name: "prefix" | "suffix"): boolean {
  const wanted = args.required(name);
  const part = window(text, args);
  const test = (one: Value) => {
    if (typeof one !== "string") {
      const method = name === "prefix" ? "startswith" : "endswith";
      throw new PythonError(`${method} first arg must be str or a tuple of str, not ${typeName(one)}`);
    }
    return name === "prefix" ? part.startsWith(one) : part.endsWith(one);
  };
  return wanted instanceof Tuple ? wanted.items.some(test) : test(wanted);
}

/** Joins texts. Throws for any other item, as Python does. */
function join(separator: string, items: Value, budget: Budget): string {
  const parts = iterate(items, budget).map((item, index) => {
    if (typeof item === "string") return item;
    throw new PythonError(`sequence item ${index}: expected str instance, ${typeName(item)} found`);
  });
  return joinTexts(parts, separator, budget);
}

export function joinTexts(parts: readonly string[], separator: string, budget: Budget): string {
  budget.make(parts.reduce((sum, part) => sum + part.length, 0) + separator.length * Math.max(0, parts.length - 1));
  return parts.join(separator);
}

function find(text: string, args: CallArguments, which: "first" | "last"): number {
  const sub = args.text("sub");
  const part = window(text, args);
  const at = which === "first" ? part.indexOf(sub) : part.lastIndexOf(sub);
  if (at < 0) return -1;
  const start = args.optional("start") ?? null;
  const skipped = start === null ? 0 : sliceBounds(textLength(text), [start, null, null]).start;
  return skipped + textLength(part.slice(0, at));
}

function found(position: number): number {
  if (position < 0) throw new PythonError("substring not found");
  return position;
}

function count(text: string, sub: string): number {
  return sub === "" ? textLength(text) + 1 : text.split(sub).length - 1;
}

function justify(
  text: string,
  args: CallArguments,
  options: { align: "both" | "start" | "end"; budget: Budget },
): string {
  const fill = args.optional("fillchar") === undefined ? " " : args.text("fillchar");
  if (textLength(fill) !== 1) throw new PythonError("The fill character must be exactly one character long");
  return justified(text, { width: args.integer("width"), fill, ...options });
}

export function justified(
  text: string,
  options: { width: number; fill: string; align: "both" | "start" | "end"; budget: Budget },
): string {
  const { width, fill, align, budget } = options;
  const missing = width - textLength(text);
  if (missing <= 0) return text;
  budget.make(missing + text.length);
  if (align === "start") return text + fill.repeat(missing);
  if (align === "end") return fill.repeat(missing) + text;
  // Python puts the odd space on the left when the width is odd.
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}
