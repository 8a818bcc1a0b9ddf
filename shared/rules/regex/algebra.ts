/**
 * Regular languages of code points as interned terms, so that equal languages are mostly one object. Besides the usual
 * operators there are intersection and complement, which schemas need (`pattern` with `maxLength`, keys that are not declared).
 */
import type { Budget } from "../limits.ts";
import { ALL, normalised, type Ranges } from "./ranges.ts";

export interface Regex {
  readonly id: number;
  /** Whether the empty text is in the language. */
  readonly nullable: boolean;
  readonly shape: Shape;
}

type Shape =
  /** One code point of a set; the empty set is the empty language. */
  | { readonly kind: "set"; readonly ranges: Ranges }
  | { readonly kind: "empty" }
  | { readonly kind: "then"; readonly first: Regex; readonly rest: Regex }
  | { readonly kind: "or" | "and"; readonly of: readonly Regex[] }
  | { readonly kind: "not"; readonly of: Regex }
  | { readonly kind: "repeat"; readonly of: Regex; readonly least: number; readonly most: number }
  | ({ readonly kind: "multiple" } & Multiple);

/**
 * What may follow a decimal whose digits, read as a whole number, leave `rest` when divided by `divisor`, so that the decimal times
 * 10^`places` is a multiple of it. `left`: of those places, how many digits may still follow; undefined before the point.
 */
export interface Multiple {
  readonly divisor: number;
  readonly places: number;
  readonly rest: number;
  readonly left?: number;
}

/** Makes terms. One for each compilation. */
export class RegexStore {
  readonly budget: Budget;
  /** What is being compiled, for the error once the budget is used up. */
  subject = "the regular expression";
  readonly #known = new Map<string, Regex>();
  readonly nothing: Regex;
  readonly empty: Regex;
  readonly any: Regex;
  readonly everything: Regex;

  constructor(budget: Budget) {
    this.budget = budget;
    this.nothing = this.set([]);
    this.empty = this.#intern("e", true, { kind: "empty" });
    this.any = this.set(ALL);
    this.everything = this.repeat(this.any, 0, Number.POSITIVE_INFINITY);
  }

  set(ranges: Ranges): Regex {
    return this.#intern(`s${ranges.join()}`, false, { kind: "set", ranges });
  }

  text(text: string): Regex {
    return this.sequence(Array.from(text, (character) => this.set(normalised(pair(character.codePointAt(0)!)))));
  }

  sequence(parts: readonly Regex[]): Regex {
    return parts.reduceRight((rest, first) => this.join(first, rest), this.empty);
  }

  join(first: Regex, rest: Regex): Regex {
    if (first === this.nothing || rest === this.nothing) return this.nothing;
    if (first === this.empty) return rest;
    if (rest === this.empty) return first;
    // To the right, so that equal sequences are equal terms.
    const parts: Regex[] = [];
    let last = first;
    for (; last.shape.kind === "then"; last = last.shape.rest) parts.push(last.shape.first);
    parts.push(last);
    if (parts.length > 2) this.budget.spend(parts.length, this.subject);
    return parts.reduceRight((after, part) => {
      const nullable = part.nullable && after.nullable;
      return this.#intern(`t${part.id},${after.id}`, nullable, { kind: "then", first: part, rest: after });
    }, rest);
  }

  or(options: readonly Regex[]): Regex {
    const flat = options.flatMap((option) => (option.shape.kind === "or" ? option.shape.of : [option]));
    const sets = flat.flatMap(({ shape }) => (shape.kind === "set" ? [shape.ranges] : []));
    const others = flat.filter(({ shape }) => shape.kind !== "set");
    const set = sets.length === 1 ? this.set(sets[0]!) : this.set(normalised(sets.flat()));
    const of = distinct(set === this.nothing ? others : [set, ...others]);
    this.#count(flat);
    if (of.includes(this.everything)) return this.everything;
    if (of.length <= 1) return of[0] ?? this.nothing;
    return this.#intern(
      `o${ids(of)}`,
      of.some(({ nullable }) => nullable),
      { kind: "or", of },
    );
  }

  and(parts: readonly Regex[]): Regex {
    const flat = parts.flatMap((part) => (part.shape.kind === "and" ? part.shape.of : [part]));
    const of = distinct(flat).filter((part) => part !== this.everything);
    this.#count(flat);
    if (of.includes(this.nothing)) return this.nothing;
    if (of.length <= 1) return of[0] ?? this.everything;
    return this.#intern(
      `a${ids(of)}`,
      of.every(({ nullable }) => nullable),
      { kind: "and", of },
    );
  }

  not(of: Regex): Regex {
    if (of.shape.kind === "not") return of.shape.of;
    if (of === this.nothing) return this.everything;
    if (of === this.everything) return this.nothing;
    return this.#intern(`n${of.id}`, !of.nullable, { kind: "not", of });
  }

  repeat(of: Regex, least: number, most: number): Regex {
    if (most <= 0 || of === this.empty) return this.empty;
    if (of === this.nothing) return least === 0 ? this.empty : this.nothing;
    if (least === 1 && most === 1) return of;
    if (of.nullable && least > 0) return this.repeat(of, 0, most);
    return this.#intern(`r${of.id},${least},${most}`, least === 0, { kind: "repeat", of, least, most });
  }

  multiple(of: Multiple): Regex {
    const { divisor, places, rest, left } = of;
    const missing = left ?? places;
    const nullable = Number((BigInt(rest) * 10n ** BigInt(missing)) % BigInt(divisor)) === 0;
    return this.#intern(`m${divisor},${places},${rest},${left}`, nullable, { kind: "multiple", ...of });
  }

  #count(flat: readonly Regex[]): void {
    if (flat.length > 2) this.budget.spend(flat.length, this.subject);
  }

  #intern(key: string, nullable: boolean, shape: Shape): Regex {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.budget.spend(1 + key.length / 32, this.subject);
    const regex: Regex = { id: this.#known.size, nullable, shape };
    this.#known.set(key, regex);
    return regex;
  }
}

const pair = (codePoint: number) => [codePoint, codePoint];
const ids = (of: readonly Regex[]) => of.map(({ id }) => id).join();
const distinct = (of: readonly Regex[]) => [...new Set(of)].sort((a, b) => a.id - b.id);
