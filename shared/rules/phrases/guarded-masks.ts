/** The tokens that a rule allows together with banned and required phrases. */
import type { Machine } from "../machine/machine.ts";
import type { State } from "../machine/state.ts";
import type { RuleVocabulary } from "../vocabulary.ts";
import type { Guard } from "./guard.ts";
import type { Phrases } from "./phrases.ts";

const KEPT = 2048;

export class GuardedMasks {
  readonly #machine: Machine;
  readonly #vocabulary: RuleVocabulary;
  readonly #phrases: Phrases;
  readonly #guard: Guard;
  readonly #masks = new Map<string, Uint32Array>();

  constructor(machine: Machine, vocabulary: RuleVocabulary, phrases: Phrases, guard: Guard) {
    this.#machine = machine;
    this.#vocabulary = vocabulary;
    this.#phrases = phrases;
    this.#guard = guard;
  }

  /** V bits; read only. */
  of(state: State, phrases: number): Uint32Array {
    const key = `${state.id},${phrases}`;
    const known = this.#masks.get(key);
    if (known !== undefined) return known;
    const mask = this.where(state, phrases, (after, inside) => this.#guard.canFinish(after, inside));
    if (this.#masks.size >= KEPT) this.#masks.delete(this.#masks.keys().next().value!);
    this.#masks.set(key, mask);
    return mask;
  }

  /**
   * The tokens after which `isOpen` holds for the rule's state and that of the phrases. It must hold for the beginning of every
   * text for which it holds: what is below a node that fails is not looked at.
   */
  where(start: State, phrases: number, isOpen: (state: State, phrases: number) => boolean, prune = true): Uint32Array {
    const { endMask, tree } = this.#vocabulary;
    const { byte, end, first, tokens } = tree;
    const canEnd = start.accepts && this.#phrases.isComplete(phrases);
    const mask = canEnd ? endMask.slice() : new Uint32Array(endMask.length);
    for (const { token, rest } of start.controls) {
      if (isOpen(this.#machine.after(rest), phrases)) mask[token >>> 5]! |= 1 << (token & 31);
    }
    const states = [start];
    const inside = [phrases];
    const ends = [byte.length];
    let depth = 0;
    for (let node = 1; node < byte.length; ) {
      while (node >= ends[depth]!) depth--;
      const next = this.#machine.step(states[depth]!, byte[node]!);
      const nextInside = next === null ? -1 : this.#phrases.next(inside[depth]!, byte[node]!);
      const isDead = next === null || nextInside < 0;
      const holds = !isDead && (first[node + 1]! > first[node]! || prune) && isOpen(next, nextInside);
      if (isDead || (prune && !holds)) {
        node = end[node]!;
        continue;
      }
      if (holds)
        for (let i = first[node]!; i < first[node + 1]!; i++) mask[tokens[i]! >>> 5]! |= 1 << (tokens[i]! & 31);
      depth++;
      states[depth] = next;
      inside[depth] = nextInside;
      ends[depth] = end[node]!;
      node++;
    }
    return mask;
  }
}
