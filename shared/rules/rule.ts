/** A compiled rule, and a text on its way through one. */
import { TrimtabError } from "../errors.ts";
import type { Machine } from "./machine/machine.ts";
import { Masks } from "./machine/masks.ts";
import type { State } from "./machine/state.ts";
import type { Guard } from "./phrases/guard.ts";
import { GuardedMasks } from "./phrases/guarded-masks.ts";
import type { Phrases } from "./phrases/phrases.ts";
import type { Distances } from "./phrases/shortest.ts";
import { hasBit, type RuleVocabulary } from "./vocabulary.ts";

/** Serves any number of texts, also at once; what it finds for one is remembered for the others. */
export interface CompiledRule {
  readonly vocabulary: RuleVocabulary;
  /** Tokens that a text takes at least to write the required phrases; 0 without any, or where a rule decides the text. */
  readonly requiredTokens: number;
  start(): RuleState;
}

/** One text. `accept` changes it. */
export interface RuleState {
  /**
   * The tokens that may come next: V bits, token t at bit t mod 32 of word ⌊t / 32⌋; never empty; read only. After each of them
   * the text can still be finished. `left`: tokens that the text may still have, this one included; required phrases are
   * forced when no more remain than they take.
   */
  mask(left?: number): Uint32Array;
  /** Takes a token. Returns false, and changes nothing, if the rule does not allow it. */
  accept(token: number): boolean;
  /** Whether the text may end here. */
  readonly canEnd: boolean;
  /** Whether it can do nothing else. */
  readonly mustEnd: boolean;
  /** Whether an end token was taken. */
  readonly ended: boolean;
  clone(): RuleState;
}

export interface RuleParts {
  readonly machine: Machine;
  readonly vocabulary: RuleVocabulary;
  /** Present if phrases are banned or required, or the tokenizer lacks bytes. */
  readonly watched?: { readonly phrases: Phrases; readonly guard: Guard; readonly distances?: Distances };
  /** Whether any text is allowed, in which control tokens may stand as without a rule. */
  readonly isFree: boolean;
}

export function createRule(parts: RuleParts): CompiledRule {
  const { machine, vocabulary, watched } = parts;
  const masks =
    watched === undefined
      ? new Masks(machine, vocabulary)
      : new GuardedMasks(machine, vocabulary, watched.phrases, watched.guard);
  const shared: Shared = { ...parts, masks };
  return {
    vocabulary,
    requiredTokens: watched?.distances?.(watched.phrases.start) ?? 0,
    start: () => new TextState(shared, { state: machine.start, phrases: watched?.phrases.start ?? 0, ended: false }),
  };
}

type Shared = RuleParts & { readonly masks: Masks | GuardedMasks };

interface Place {
  readonly state: State;
  readonly phrases: number;
  readonly ended: boolean;
}

class TextState implements RuleState {
  readonly #shared: Shared;
  #place: Place;

  constructor(shared: Shared, place: Place) {
    this.#shared = shared;
    this.#place = place;
  }

  mask(left = Number.POSITIVE_INFINITY): Uint32Array {
    const { masks, vocabulary } = this.#shared;
    const { state, phrases, ended } = this.#place;
    if (ended) return vocabulary.endMask;
    if (!(masks instanceof GuardedMasks)) return masks.of(state);
    return this.#forced(masks, left) ?? this.#withControls(masks.of(state, phrases));
  }

  /** The tokens after which the required phrases still fit into the tokens left; undefined while all would do. */
  #forced(masks: GuardedMasks, left: number): Uint32Array | undefined {
    const distances = this.#shared.watched?.distances;
    const { state, phrases } = this.#place;
    if (distances === undefined) return undefined;
    const needed = distances(phrases);
    // No token takes a text further away than the farthest state.
    if (needed === 0 || left > distances.farthest + 1) return undefined;
    // With too few tokens from the start, none would do; the nearest to the end is then the best.
    const most = Math.max(left, needed) - 1;
    return masks.where(state, phrases, (_, after) => distances(after) <= most, false);
  }

  /** Free text keeps its control tokens, which write nothing. */
  #withControls(mask: Uint32Array): Uint32Array {
    const { isFree, vocabulary } = this.#shared;
    if (!isFree) return mask;
    const all = mask.slice();
    const ends = new Set(vocabulary.endTokens);
    for (const token of vocabulary.control.values()) if (!ends.has(token)) all[token >>> 5]! |= 1 << (token & 31);
    return all;
  }

  accept(token: number): boolean {
    const next = this.#after(token);
    if (next === undefined) return false;
    this.#place = next;
    return true;
  }

  #after(token: number): Place | undefined {
    const { machine, vocabulary, watched, isFree } = this.#shared;
    const { ended } = this.#place;
    if (vocabulary.endTokens.includes(token)) return this.canEnd || ended ? { ...this.#place, ended: true } : undefined;
    if (ended) return undefined;
    const control = machine.control(this.#place.state, token);
    const bytes = vocabulary.bytesOf(token);
    if (bytes === undefined && control === null) {
      const isControl = isFree && [...vocabulary.control.values()].includes(token);
      return isControl ? this.#place : undefined;
    }
    let state: State | null = control ?? this.#place.state;
    let { phrases } = this.#place;
    for (const byte of bytes ?? []) {
      state = machine.step(state, byte);
      if (state === null) return undefined;
      phrases = watched?.phrases.next(phrases, byte) ?? 0;
      if (phrases < 0) return undefined;
    }
    if (watched !== undefined && !watched.guard.canFinish(state, phrases)) return undefined;
    return { state, phrases, ended: false };
  }

  get canEnd(): boolean {
    const { state, phrases, ended } = this.#place;
    return ended || (state.accepts && (this.#shared.watched?.phrases.isComplete(phrases) ?? true));
  }

  get mustEnd(): boolean {
    const { endMask } = this.#shared.vocabulary;
    return this.canEnd && this.mask().every((word, index) => word === endMask[index]);
  }

  get ended(): boolean {
    return this.#place.ended;
  }

  clone(): RuleState {
    return new TextState(this.#shared, this.#place);
  }
}

/** How many of the first `size` tokens a mask allows. */
export function countAllowed(mask: Uint32Array, size: number): number {
  let count = 0;
  for (let token = 0; token < size; token++) if (hasBit(mask, token)) count++;
  return count;
}

/** An error of the caller: it passed a token that the mask had ruled out. */
export function notAllowed(token: number): TrimtabError {
  return new TrimtabError("internal_error", `the rule does not allow the token ${token}, which the text has`, {
    data: { token },
  });
}
