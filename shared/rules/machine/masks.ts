/**
 * The tokens that a state allows. A lexeme allows most of them by itself, whatever follows it, so that part is found once for
 * each of its states; only tokens that go beyond the lexeme are followed through the machine.
 */
import type { Lexeme } from "../lexeme/lexeme.ts";
import type { RuleVocabulary } from "../vocabulary.ts";
import type { Machine } from "./machine.ts";
import type { State } from "./state.ts";

interface LexemeWalk {
  /** The tokens that end inside the lexeme, or just at its end. */
  readonly inside: Uint32Array;
  /** The tree's nodes at which the lexeme may be over while tokens go on. */
  readonly exits: readonly number[];
}

/** Masks that are kept before the oldest are dropped: at 6 kB for a vocabulary of 49,000, 12 MB. */
const KEPT = 2048;

/** Walks by vocabulary, since rules share some of their lexemes. */
const walks = new WeakMap<RuleVocabulary, WeakMap<Lexeme, Map<number, LexemeWalk>>>();

function walksThrough(vocabulary: RuleVocabulary): WeakMap<Lexeme, Map<number, LexemeWalk>> {
  const found = walks.get(vocabulary) ?? new WeakMap<Lexeme, Map<number, LexemeWalk>>();
  walks.set(vocabulary, found);
  return found;
}

export class Masks {
  readonly #machine: Machine;
  readonly #vocabulary: RuleVocabulary;
  readonly #walks: WeakMap<Lexeme, Map<number, LexemeWalk>>;
  readonly #masks = new Map<State, Uint32Array>();
  /** The states and subtree ends on the way to a node, reused from walk to walk. */
  readonly #ends: Int32Array;

  constructor(machine: Machine, vocabulary: RuleVocabulary) {
    this.#machine = machine;
    this.#vocabulary = vocabulary;
    this.#walks = walksThrough(vocabulary);
    this.#ends = new Int32Array(vocabulary.tree.longest + 2);
  }

  /** V bits; read only. Includes the end tokens where the text may end. */
  of(state: State): Uint32Array {
    const known = this.#masks.get(state);
    if (known !== undefined) return known;
    const mask = this.#find(state);
    if (this.#masks.size >= KEPT) this.#masks.delete(this.#masks.keys().next().value!);
    this.#masks.set(state, mask);
    return mask;
  }

  #find(state: State): Uint32Array {
    const { endMask } = this.#vocabulary;
    const { end } = this.#vocabulary.tree;
    const mask = state.accepts ? endMask.slice() : new Uint32Array(endMask.length);
    for (const { token } of state.controls) mask[token >>> 5]! |= 1 << (token & 31);
    for (const { lexeme, at, rest } of state.threads) {
      const { inside, exits } = this.#walk(lexeme, at);
      for (let word = 0; word < mask.length; word++) mask[word]! |= inside[word]!;
      if (exits.length === 0) continue;
      const after = this.#machine.after(rest);
      if (after.threads.length === 0) continue;
      for (const node of exits) this.#beyond(after, node, end[node]!, mask);
    }
    return mask;
  }

  #walk(lexeme: Lexeme, at: number): LexemeWalk {
    const { tree, size } = this.#vocabulary;
    const alike = lexeme.alike(at, tree.longest);
    const ofLexeme = this.#walks.get(lexeme) ?? new Map<number, LexemeWalk>();
    this.#walks.set(lexeme, ofLexeme);
    const known = ofLexeme.get(alike);
    if (known !== undefined) return known;
    const { byte, end, first, tokens } = tree;
    const inside = new Uint32Array(Math.ceil(size / 32));
    const exits: number[] = [];
    const states = [alike];
    const ends = this.#ends;
    let depth = 0;
    ends[0] = byte.length;
    for (let node = 1; node < byte.length; ) {
      while (node >= ends[depth]!) depth--;
      const next = lexeme.step(states[depth]!, byte[node]!);
      if (next < 0) {
        node = end[node]!;
        continue;
      }
      for (let i = first[node]!; i < first[node + 1]!; i++) inside[tokens[i]! >>> 5]! |= 1 << (tokens[i]! & 31);
      if (end[node]! > node + 1) {
        if (lexeme.accepts(next)) exits.push(node);
        depth++;
        states[depth] = next;
        ends[depth] = end[node]!;
      }
      node++;
    }
    const walk = { inside, exits };
    ofLexeme.set(alike, walk);
    return walk;
  }

  /** Marks the tokens below a node that go on from `start`. */
  #beyond(start: State, from: number, to: number, mask: Uint32Array): void {
    const { byte, end, first, tokens } = this.#vocabulary.tree;
    const states = [start];
    const ends = this.#ends;
    let depth = 0;
    ends[0] = to;
    for (let node = from + 1; node < to; ) {
      while (node >= ends[depth]!) depth--;
      const next = this.#machine.step(states[depth]!, byte[node]!);
      if (next === null) {
        node = end[node]!;
        continue;
      }
      for (let i = first[node]!; i < first[node + 1]!; i++) mask[tokens[i]! >>> 5]! |= 1 << (tokens[i]! & 31);
      if (end[node]! > node + 1) {
        depth++;
        states[depth] = next;
        ends[depth] = end[node]!;
      }
      node++;
    }
  }
}
