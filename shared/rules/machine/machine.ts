/**
 * Runs a rule byte by byte: a pushdown automaton whose states are built when they are first reached and kept. A state is a set
 * of threads, one for each lexeme that the text may be in; threads in the same place of the same lexeme are one, whatever
 * follows.
 */
import { DEAD, type Lexeme } from "../lexeme/lexeme.ts";
import { RULE_LIMITS, refuse } from "../limits.ts";
import { Agenda } from "./agenda.ts";
import { ContextStore } from "./contexts.ts";
import type { Context, ControlThread, State, Thread } from "./state.ts";
import type { Term, TermStore } from "./terms.ts";

export class Machine {
  readonly terms: TermStore;
  readonly contexts = new ContextStore();
  readonly start: State;
  readonly #states = new Map<string, State>();

  /** `terms` must be closed, and `root` productive. */
  constructor(terms: TermStore, root: Term) {
    this.terms = terms;
    this.start = this.after(this.contexts.push(root, this.contexts.end));
  }

  /** The state after a byte; null if none of the rule's texts goes on with it. */
  step(state: State, byte: number): State | null {
    const known = state.next[byte];
    if (known !== undefined) return known;
    const moving = new Moving(this);
    for (const { lexeme, at, rest } of state.threads) {
      const next = lexeme.step(at, byte);
      if (next !== DEAD) moving.enter(lexeme, next, rest);
    }
    const found = moving.isEmpty ? null : this.intern(moving);
    state.next[byte] = found;
    return found;
  }

  /** The state after a control token; null if none of the rule's texts has it here. */
  control(state: State, token: number): State | null {
    const thread = state.controls.find((one) => one.token === token);
    return thread === undefined ? null : this.after(thread.rest);
  }

  /** The state of a text after which the context remains. */
  after(context: Context): State {
    if (context.after !== undefined) return context.after;
    const moving = new Moving(this);
    moving.leave(context);
    context.after = this.intern(moving);
    return context.after;
  }

  intern(moving: Moving): State {
    const { threads, controls, accepts } = moving.finish();
    const key = `${threads.map(({ lexeme, at, rest }) => `${lexeme.id}.${at}.${rest.id}`).join()}|${controls
      .map(({ token, rest }) => `${token}.${rest.id}`)
      .join()}|${accepts}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state: State = { id: this.#states.size, threads, controls, accepts, next: new Array(256) };
    this.#states.set(key, state);
    return state;
  }
}

/** A state under construction. */
class Moving {
  readonly #machine: Machine;
  readonly #threads = new Map<string, Thread>();
  readonly #controls = new Map<number, ControlThread>();
  readonly #agenda: Agenda;
  #accepts = false;
  /** The most times that each optional repetition was expanded with. */
  readonly #repeats = new Map<string, number>();
  #readings = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#agenda = new Agenda(machine.contexts);
  }

  /** Only what was put in so far; what follows from it is found by `finish`. */
  get isEmpty(): boolean {
    return this.#threads.size === 0 && this.#agenda.isEmpty && !this.#accepts;
  }

  /** The text is in a lexeme, and may be past it as well. */
  enter(lexeme: Lexeme, at: number, rest: Context): void {
    if (lexeme.continues(at)) {
      const key = `${lexeme.id}.${at}`;
      const known = this.#threads.get(key);
      const all = known === undefined ? rest : this.#machine.contexts.union(known.rest, rest);
      this.#threads.set(key, { lexeme, at, rest: all });
    }
    if (lexeme.accepts(at)) this.leave(rest);
  }

  /** The text is where the context begins. */
  leave(context: Context): void {
    this.#readings += context.frames.length - 1;
    for (const { next } of context.frames) {
      if (next === undefined) this.#accepts = true;
      else this.#agenda.add(next.term, next.rest);
    }
  }

  finish(): Pick<State, "threads" | "controls" | "accepts"> {
    for (let due = this.#agenda.take(); due !== undefined; due = this.#agenda.take()) this.#expand(due.term, due.rest);
    const threads = [...this.#threads.values()].sort((a, b) => a.lexeme.id - b.lexeme.id || a.at - b.at);
    const controls = [...this.#controls.values()].sort((a, b) => a.token - b.token);
    return { threads, controls, accepts: this.#accepts };
  }

  /** Whether the same repetition, with at least as many times left, was expanded before: it has all texts of this one. */
  #isRepeated(of: Term, most: number, rest: Context): boolean {
    const key = `${of.id},${rest.id}`;
    const known = this.#repeats.get(key) ?? -1;
    if (known >= most) return true;
    this.#repeats.set(key, most);
    return false;
  }

  #expand({ shape }: Term, rest: Context): void {
    const { contexts, terms } = this.#machine;
    if (++this.#readings > RULE_LIMITS.readings) {
      throw refuse(
        `the text has more than ${RULE_LIMITS.readings} readings under the rule; make the rule less ambiguous`,
      );
    }
    switch (shape.kind) {
      case "lexeme":
        this.enter(shape.lexeme, shape.lexeme.start, rest);
        return;
      case "control": {
        const known = this.#controls.get(shape.token);
        const all = known === undefined ? rest : contexts.union(known.rest, rest);
        this.#controls.set(shape.token, { token: shape.token, rest: all });
        return;
      }
      case "empty":
        this.leave(rest);
        return;
      case "then":
        if (shape.first.productive && shape.rest.productive) {
          this.#agenda.add(shape.first, contexts.push(shape.rest, rest));
        }
        return;
      case "or":
        for (const option of shape.of) if (option.productive) this.#agenda.add(option, rest);
        return;
      case "repeat": {
        const isOptional = shape.least === 0 || shape.of.nullable;
        if (isOptional && this.#isRepeated(shape.of, shape.most, rest)) return;
        if (isOptional) this.leave(rest);
        if (!shape.of.productive) return;
        const more = terms.repeat(shape.of, Math.max(0, shape.least - 1), shape.most - 1);
        this.#agenda.add(shape.of, contexts.push(more, rest));
        return;
      }
      case "name":
        this.#agenda.add(terms.body(shape.name), rest);
    }
  }
}
