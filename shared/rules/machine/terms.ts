/**
 * Context-free rules as interned terms: lexemes, put in sequence, alternatives and repetitions, with named references for
 * recursion.
 */

import type { Lexeme } from "../lexeme/lexeme.ts";
import { type Budget, refuse } from "../limits.ts";

export interface Term {
  readonly id: number;
  readonly shape: TermShape;
  /** Whether it may be the empty text, and whether it is any text at all. Known once the store is closed. */
  nullable: boolean;
  productive: boolean;
  /** Above the rank of every term that may stand at its beginning. */
  rank: number;
}

export type TermShape =
  | { readonly kind: "lexeme"; readonly lexeme: Lexeme }
  /** One control token of the tokenizer. */
  | { readonly kind: "control"; readonly token: number }
  | { readonly kind: "empty" }
  | { readonly kind: "then"; readonly first: Term; readonly rest: Term }
  | { readonly kind: "or"; readonly of: readonly Term[] }
  | { readonly kind: "repeat"; readonly of: Term; readonly least: number; readonly most: number }
  | { readonly kind: "name"; readonly name: string };

/** Makes terms, one store for each rule. Names get their bodies in any order, before `close`. */
export class TermStore {
  readonly budget: Budget;
  readonly empty: Term;
  /** No text. */
  readonly nothing: Term;
  readonly #known = new Map<string, Term>();
  readonly #bodies = new Map<string, Term>();
  #isClosed = false;

  constructor(budget: Budget) {
    this.budget = budget;
    this.empty = this.#intern("e", { kind: "empty" });
    this.nothing = this.#intern("o", { kind: "or", of: [] });
  }

  lexeme(lexeme: Lexeme): Term {
    return this.#intern(`l${lexeme.id}`, { kind: "lexeme", lexeme });
  }

  control(token: number): Term {
    return this.#intern(`c${token}`, { kind: "control", token });
  }

  sequence(parts: readonly Term[]): Term {
    if (parts.includes(this.nothing)) return this.nothing;
    return parts.reduceRight((rest, first) => {
      if (first === this.empty) return rest;
      if (rest === this.empty) return first;
      return this.#intern(`t${first.id},${rest.id}`, { kind: "then", first, rest });
    }, this.empty);
  }

  or(options: readonly Term[]): Term {
    const of = [...new Set(options)].filter((option) => option !== this.nothing);
    if (of.length === 1) return of[0]!;
    return this.#intern(`o${of.map(({ id }) => id).join()}`, { kind: "or", of });
  }

  repeat(of: Term, least: number, most: number): Term {
    if (most <= 0 || of === this.empty) return this.empty;
    if (of === this.nothing) return least === 0 ? this.empty : this.nothing;
    if (least === 1 && most === 1) return of;
    return this.#intern(`r${of.id},${least},${most}`, { kind: "repeat", of, least, most });
  }

  /** What a name stands for may be defined later, with `define`. */
  name(name: string): Term {
    return this.#intern(`n${name}`, { kind: "name", name });
  }

  define(name: string, body: Term): void {
    this.#bodies.set(name, body);
  }

  isDefined(name: string): boolean {
    return this.#bodies.has(name);
  }

  body(name: string): Term {
    return this.#bodies.get(name)!;
  }

  /** Finds what each term is, after which only repetitions of known terms are made. Throws for left recursion. */
  close(): void {
    this.#isClosed = false;
    const all = [...this.#known.values()];
    for (let changed = true; changed; ) {
      changed = false;
      for (const term of all) {
        const [nullable, productive] = [this.#isNullable(term), this.#isProductive(term)];
        changed ||= nullable !== term.nullable || productive !== term.productive;
        Object.assign(term, { nullable, productive });
      }
      this.budget.spend(all.length / 8, "the rule");
    }
    for (const term of all) if (term.rank === UNRANKED) this.#rank(term);
    this.#isClosed = true;
  }

  #isNullable({ shape }: Term): boolean {
    switch (shape.kind) {
      case "lexeme":
        return shape.lexeme.accepts(shape.lexeme.start);
      case "control":
        return false;
      case "empty":
        return true;
      case "then":
        return shape.first.nullable && shape.rest.nullable;
      case "or":
        return shape.of.some(({ nullable }) => nullable);
      case "repeat":
        return shape.least === 0 || shape.of.nullable;
      case "name":
        return this.body(shape.name).nullable;
    }
  }

  #isProductive({ shape }: Term): boolean {
    switch (shape.kind) {
      case "lexeme":
      case "control":
      case "empty":
        return true;
      case "then":
        return shape.first.productive && shape.rest.productive;
      case "or":
        return shape.of.some(({ productive }) => productive);
      case "repeat":
        return shape.least === 0 || shape.of.productive;
      case "name":
        return this.body(shape.name).productive;
    }
  }

  /** The terms that may stand at the beginning of one. */
  #beginnings({ shape }: Term): readonly Term[] {
    switch (shape.kind) {
      case "then":
        return shape.first.nullable ? [shape.first, shape.rest] : [shape.first];
      case "or":
        return shape.of;
      case "repeat":
        return [shape.of];
      case "name":
        return [this.body(shape.name)];
      default:
        return [];
    }
  }

  /** Depth first, without recursion, since schemas may chain thousands of optional properties. */
  #rank(root: Term): void {
    const open: { readonly term: Term; next: number }[] = [{ term: root, next: 0 }];
    root.rank = RANKING;
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const beginnings = this.#beginnings(top.term);
      const inner = beginnings[top.next++];
      if (inner === undefined) {
        top.term.rank = 1 + beginnings.reduce((highest, { rank }) => Math.max(highest, rank), -1);
        open.pop();
      } else if (inner.rank === RANKING) {
        const names = open.flatMap(({ term: { shape } }) => (shape.kind === "name" ? [shape.name] : []));
        throw refuse(`the rule ${names.at(-1) ?? ""} begins with itself (left recursion), which is not supported`, {
          name: names.at(-1),
        });
      } else if (inner.rank === UNRANKED) {
        inner.rank = RANKING;
        open.push({ term: inner, next: 0 });
      }
    }
  }

  #intern(key: string, shape: TermShape): Term {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const term: Term = { id: this.#known.size, shape, nullable: false, productive: false, rank: UNRANKED };
    this.#known.set(key, term);
    if (this.#isClosed) {
      term.nullable = this.#isNullable(term);
      term.productive = this.#isProductive(term);
      this.#rank(term);
    } else {
      this.budget.spend(1 + key.length / 32, "the rule");
    }
    return term;
  }
}

const [UNRANKED, RANKING] = [-1, -2];
