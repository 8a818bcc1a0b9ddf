/**
 * Parses regular expressions in JavaScript's syntax (flag `u`; also what Python shares with it) to a tree. What needs memory or
 * looks around has no automaton, and is refused by name.
 */
import { RULE_LIMITS, refuse } from "../limits.ts";
import { requireCount } from "./automaton.ts";
import { CLASSES, NOT_LINE_END, propertyRanges } from "./classes.ts";
import { complement, normalised, type Ranges, single } from "./ranges.ts";

export type PatternNode =
  | { readonly kind: "set"; readonly ranges: Ranges }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly of: PatternNode; readonly least: number; readonly most: number }
  /** `^` or `$`. */
  | { readonly kind: "start" | "end" };

export function parsePattern(source: string): PatternNode {
  if (source.length > RULE_LIMITS.regexLength) {
    throw refuse(`the regular expression has ${source.length} characters; at most ${RULE_LIMITS.regexLength} fit`);
  }
  // Before any is looked up, which is the dearest step of parsing.
  if ((source.match(/\\p\{/gi)?.length ?? 0) > RULE_LIMITS.unicodeProperties) {
    throw refuse(`the regular expression names more than ${RULE_LIMITS.unicodeProperties} Unicode properties`);
  }
  return new Parser(source).parse();
}

const REFUSED_GROUPS: readonly (readonly [start: string, name: string])[] = [
  ["?=", "a lookahead (?=…)"],
  ["?!", "a negative lookahead (?!…)"],
  ["?<=", "a lookbehind (?<=…)"],
  ["?<!", "a negative lookbehind (?<!…)"],
  ["?>", "an atomic group (?>…)"],
  ["?P=", "a backreference (?P=…)"],
];
const CONTROL: ReadonlyMap<string, number> = new Map([
  ["t", 9],
  ["n", 10],
  ["v", 11],
  ["f", 12],
  ["r", 13],
]);

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): PatternNode {
    const root = this.#choice();
    if (this.#at < this.#source.length) throw this.#fail("has an unmatched closing parenthesis");
    return root;
  }

  #fail(problem: string) {
    return refuse(`the regular expression ${problem} (at character ${this.#at})`, { at: this.#at });
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found !== null) this.#at += found[0].length;
    return found ?? undefined;
  }

  #choice(): PatternNode {
    const of = [this.#sequence()];
    while (this.#skip("|")) of.push(this.#sequence());
    return of.length === 1 ? of[0]! : { kind: "choice", of };
  }

  #sequence(): PatternNode {
    const of: PatternNode[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at]!)) of.push(this.#repeated());
    return of.length === 1 ? of[0]! : { kind: "sequence", of };
  }

  #repeated(): PatternNode {
    const of = this.#atom();
    const bounds = this.#bounds();
    if (bounds === undefined) return of;
    // A lazy quantifier matches the same texts.
    this.#skip("?");
    if (this.#skip("+")) throw this.#fail("has a possessive quantifier, which is not supported");
    if (this.#bounds() !== undefined) throw this.#fail("repeats a repetition; add parentheses");
    if (of.kind === "start" || of.kind === "end") throw this.#fail("repeats an anchor");
    return { kind: "repeat", of, ...bounds };
  }

  #bounds(): { least: number; most: number } | undefined {
    if (this.#skip("*")) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#skip("+")) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#skip("?")) return { least: 0, most: 1 };
    const [text, first, comma, last] = this.#take(/\{(\d+)(,?)(\d*)\}/y) ?? [];
    if (text === undefined) return undefined;
    const least = Number(first);
    const most = comma === "" ? least : last === "" ? Number.POSITIVE_INFINITY : Number(last);
    if (most < least) throw this.#fail(`has bounds in the wrong order: ${text}`);
    requireCount(Math.max(least, Number.isFinite(most) ? most : 0), `the quantifier ${text}`);
    return { least, most };
  }

  #atom(): PatternNode {
    if (this.#skip("(")) return this.#group();
    if (this.#skip("[")) return { kind: "set", ranges: this.#class() };
    if (this.#skip(".")) return { kind: "set", ranges: NOT_LINE_END };
    if (this.#skip("^")) return { kind: "start" };
    if (this.#skip("$")) return { kind: "end" };
    if (this.#skip("\\")) return { kind: "set", ranges: this.#escaped(false) };
    const codePoint = this.#source.codePointAt(this.#at)!;
    const character = String.fromCodePoint(codePoint);
    if ("*+?".includes(character)) throw this.#fail(`has ${character} with nothing to repeat before it`);
    this.#at += character.length;
    return { kind: "set", ranges: this.#literal(codePoint) };
  }

  #literal(codePoint: number): Ranges {
    const ranges = single(codePoint);
    if (ranges.length === 0) throw this.#fail("has half of a surrogate pair, which no text contains");
    return ranges;
  }

  #group(): PatternNode {
    const refused = REFUSED_GROUPS.find(([start]) => this.#source.startsWith(start, this.#at));
    if (refused !== undefined) throw this.#fail(`has ${refused[1]}, which is not supported`);
    if (!this.#skip("?:") && this.#source[this.#at] === "?" && this.#take(/\?P?<[A-Za-z_$][\w$]*>/y) === undefined) {
      throw this.#fail("has a group that begins with (? and is not supported, such as one with flags");
    }
    if (++this.#depth > RULE_LIMITS.nesting) {
      throw this.#fail(`nests groups more than ${RULE_LIMITS.nesting} deep`);
    }
    const of = this.#choice();
    this.#depth--;
    if (!this.#skip(")")) throw this.#fail("has an unclosed parenthesis");
    return of;
  }

  /** What follows a backslash. */
  #escaped(inClass: boolean): Ranges {
    const letter = this.#source[this.#at];
    if (letter === undefined) throw this.#fail("ends with a backslash");
    const named = CLASSES.get(letter);
    if (named !== undefined) {
      this.#at++;
      return named;
    }
    const [property, sign, name] = this.#take(/([pP])\{([^}]*)\}/y) ?? [];
    if (property !== undefined) return sign === "p" ? propertyRanges(name!) : complement(propertyRanges(name!));
    const codePoint = this.#codePoint(letter, inClass);
    if (codePoint !== undefined) return this.#literal(codePoint);
    if (/[1-9k]/.test(letter)) throw this.#fail(`has a backreference \\${letter}, which is not supported`);
    if (!inClass && /[bB]/.test(letter)) throw this.#fail(`has a word boundary \\${letter}, which is not supported`);
    if (/[A-Za-z0-9]/.test(letter)) throw this.#fail(`has \\${letter}, which is not supported`);
    this.#at++;
    return this.#literal(letter.codePointAt(0)!);
  }

  #codePoint(letter: string, inClass: boolean): number | undefined {
    const control = CONTROL.get(letter) ?? (inClass && letter === "b" ? 8 : undefined);
    if (control !== undefined) {
      this.#at++;
      return control;
    }
    if (this.#take(/0(?!\d)/y) !== undefined) return 0;
    const c = this.#take(/c([A-Za-z])/y);
    if (c !== undefined) return c[1]!.charCodeAt(0) % 32;
    const surrogates = this.#take(/u(d[89ab][\da-f]{2})\\u(d[c-f][\da-f]{2})/iy);
    if (surrogates !== undefined) {
      const [high, low] = surrogates.slice(1).map((hex) => Number.parseInt(hex, 16));
      return 0x10000 + ((high! - 0xd800) << 10) + (low! - 0xdc00);
    }
    const hex = this.#take(/x([\da-f]{2})|u([\da-f]{4})|u\{([\da-f]{1,6})\}/iy);
    return hex === undefined ? undefined : Number.parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16);
  }

  #class(): Ranges {
    const isNegated = this.#skip("^");
    const pairs: number[] = [];
    while (!this.#skip("]")) {
      if (this.#at >= this.#source.length) throw this.#fail("has an unclosed bracket");
      const first = this.#classPart();
      const isRange = this.#source[this.#at] === "-" && ![undefined, "]"].includes(this.#source[this.#at + 1]);
      if (!isRange) {
        pairs.push(...first);
        continue;
      }
      this.#at++;
      const last = this.#classPart();
      const isSingle = [first, last].every((part) => part.length === 2 && part[0] === part[1]);
      if (!isSingle) {
        // A class cannot end a range: without the `u` flag, the dash is then itself.
        pairs.push(...first, 0x2d, 0x2d, ...last);
        continue;
      }
      if (first[0]! > last[0]!) throw this.#fail("has a range of characters in the wrong order");
      pairs.push(first[0]!, last[0]!);
    }
    const ranges = normalised(pairs);
    return isNegated ? complement(ranges) : ranges;
  }

  #classPart(): Ranges {
    if (this.#skip("\\")) return this.#escaped(true);
    const codePoint = this.#source.codePointAt(this.#at)!;
    this.#at += codePoint > 0xffff ? 2 : 1;
    return this.#literal(codePoint);
  }
}
