/**
 * Which texts of a rule can still be finished with every required phrase and without a banned one. For each part of the rule it
 * finds from which state of the phrases it leads to which others; those are finitely many, however deep the rule nests (the
 * construction of Bar-Hillel, Perles & Shamir 1961).
 */
import type { Lexeme } from "../lexeme/lexeme.ts";
import { Budget, refuse } from "../limits.ts";

import type { Machine } from "../machine/machine.ts";
import type { Context, State } from "../machine/state.ts";
import type { Term } from "../machine/terms.ts";
import type { Phrases } from "./phrases.ts";

/** From one state of the phrases through a term. */
interface Passage {
  readonly term: Term;
  readonly from: number;
  readonly to: Set<number>;
  /** The passages to look at again when this one leads further. */
  readonly users: Set<Passage>;
}

/** More than a budget could ever reach. */
const MOST_PHRASE_STATES = 2 ** 24;
const SUBJECT = "the rule with its banned and required phrases";

/** Tells which texts can still be finished. */
export interface Guard {
  canFinish(state: State, phrases: number): boolean;
}

export class RuleGuard implements Guard {
  readonly #machine: Machine;
  readonly #phrases: Phrases;
  #budget: Budget;
  readonly #passages = new Map<string, Passage>();
  readonly #due = new Set<Passage>();
  readonly #reached = new Map<string, ReadonlySet<number>>();
  readonly #others = new Map<string, readonly number[]>();
  readonly #contexts = new Map<string, boolean>();
  readonly #states = new Map<string, boolean>();

  /** Throws `invalid_request` if no text of the rule fits the phrases. */
  constructor(machine: Machine, phrases: Phrases, budget: Budget) {
    this.#machine = machine;
    this.#phrases = phrases;
    this.#budget = budget;
    if (!this.canFinish(machine.start, phrases.start)) {
      throw refuse(
        "no text of the rule has every required phrase, no banned phrase, and only characters that the tokenizer has; change one of them",
      );
    }
    // All that can be reached was visited just now, so what is looked up later costs no more than this did.
    this.#budget = new Budget(Number.POSITIVE_INFINITY);
  }

  /** Whether a text that is in this state, with its phrases in that one, can be finished. */
  canFinish(state: State, phrases: number): boolean {
    const key = `${state.id},${phrases}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const found =
      (state.accepts && this.#phrases.isComplete(phrases)) ||
      state.threads.some(({ lexeme, at, rest }) => this.#canEnd(this.#ends(lexeme, at, phrases), rest)) ||
      state.controls.some(({ rest }) => this.#canFinishAfter(rest, phrases));
    this.#states.set(key, found);
    return found;
  }

  #canEnd(all: Iterable<number>, rest: Context): boolean {
    for (const phrases of all) if (this.#canFinishAfter(rest, phrases)) return true;
    return false;
  }

  #canFinishAfter(context: Context, phrases: number): boolean {
    const key = `${context.id},${phrases}`;
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const found = context.frames.some(({ next }) =>
      next === undefined
        ? this.#phrases.isComplete(phrases)
        : this.#canEnd(this.#passage(next.term, phrases), next.rest),
    );
    this.#contexts.set(key, found);
    return found;
  }

  /** Where a term leads from a state of the phrases: looks again until nothing new is found. */
  #passage(term: Term, from: number): ReadonlySet<number> {
    const wanted = this.#ask(term, from);
    for (const passage of this.#due) {
      this.#due.delete(passage);
      const before = passage.to.size;
      for (const to of this.#evaluate(passage)) passage.to.add(to);
      this.#budget.spend(1 + passage.to.size / 8, SUBJECT);
      if (passage.to.size > before) for (const user of passage.users) this.#due.add(user);
    }
    return wanted.to;
  }

  #ask(term: Term, from: number, user?: Passage): Passage {
    const key = `${term.id},${from}`;
    let passage = this.#passages.get(key);
    if (passage === undefined) {
      passage = { term, from, to: new Set(), users: new Set() };
      this.#passages.set(key, passage);
      this.#due.add(passage);
    }
    if (user !== undefined) passage.users.add(user);
    return passage;
  }

  #evaluate(passage: Passage): Iterable<number> {
    const { term, from } = passage;
    const { shape } = term;
    const ask = (inner: Term, at: number) => [...this.#ask(inner, at, passage).to];
    switch (shape.kind) {
      case "lexeme":
        return this.#through(shape.lexeme, shape.lexeme.start, from);
      case "control":
      case "empty":
        return [from];
      case "then":
        return ask(shape.first, from).flatMap((at) => ask(shape.rest, at));
      case "or":
        return shape.of.flatMap((option) => ask(option, from));
      case "name":
        return ask(this.#machine.terms.body(shape.name), from);
      case "repeat": {
        const rest = this.#machine.terms.repeat(shape.of, Math.max(0, shape.least - 1), shape.most - 1);
        const once = ask(shape.of, from).flatMap((at) => ask(rest, at));
        return shape.least === 0 ? [from, ...once] : once;
      }
    }
  }

  /** The states of the phrases at all ends of a lexeme. */
  #through(lexeme: Lexeme, start: number, from: number): ReadonlySet<number> {
    const key = `${lexeme.id},${start},${from}`;
    const known = this.#reached.get(key);
    if (known !== undefined) return known;
    const ends = new Set(this.#ends(lexeme, start, from));
    this.#reached.set(key, ends);
    return ends;
  }

  /** The same one after another, the nearest first, for those who need one of them only. */
  *#ends(lexeme: Lexeme, start: number, from: number): Generator<number> {
    const seen = new Set<number>();
    const open: [at: number, phrases: number][] = [];
    const visit = (at: number, phrases: number) => {
      if (at < 0 || phrases < 0) return;
      const place = at * MOST_PHRASE_STATES + phrases;
      if (seen.has(place)) return;
      seen.add(place);
      open.push([at, phrases]);
    };
    const { special, other } = this.#phrases;
    visit(start, from);
    // The list grows while it is read.
    for (const [at, phrases] of open) {
      if (lexeme.accepts(at)) yield phrases;
      for (const byte of special) visit(lexeme.step(at, byte), this.#phrases.next(phrases, byte));
      const others = this.#afterOthers(lexeme, at);
      if (other !== undefined) for (const after of others) visit(after, this.#phrases.next(phrases, other));
      this.#budget.spend(1 + (special.length + others.length) / 8, SUBJECT);
    }
  }

  /** The lexeme's states after all bytes that the phrases treat alike. */
  #afterOthers(lexeme: Lexeme, at: number): readonly number[] {
    const key = `${lexeme.id},${at}`;
    const known = this.#others.get(key);
    if (known !== undefined) return known;
    const after = new Set<number>();
    const special = new Set(this.#phrases.special);
    for (let byte = 0; byte < 256; byte++) {
      if (special.has(byte)) continue;
      const next = lexeme.step(at, byte);
      if (next >= 0) after.add(next);
    }
    this.#budget.spend(16, SUBJECT);
    this.#others.set(key, [...after]);
    return [...after];
  }
}
