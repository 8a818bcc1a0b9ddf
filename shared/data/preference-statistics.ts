/** What a set of preferences looks like, beyond what is wrong with single lines of it. */
import { textOf } from "./completion.ts";
import type { PreferencePair } from "./preference-pair.ts";

export interface PreferenceStatistics {
  readonly pairs: number;
  /** Pairs that an earlier line already holds. */
  readonly duplicates: number;
  /** Pairs of which an earlier line prefers the other side. */
  readonly contradictions: number;
  /** How often the longer completion, in characters, is the chosen one; equal lengths count half. ½ where length says nothing. */
  readonly lengthBias: number;
}

/** Counts pairs one by one. */
export class PreferenceTally {
  readonly #seen = new Set<string>();
  #pairs = 0;
  #duplicates = 0;
  #contradictions = 0;
  #longer = 0;

  add({ prompt, chosen, rejected }: PreferencePair): void {
    const [better, worse] = [textOf(chosen), textOf(rejected)];
    const keyOf = (first: string, second: string) => JSON.stringify([textOf(prompt), first, second]);
    const key = keyOf(better, worse);
    this.#pairs += 1;
    if (this.#seen.has(key)) this.#duplicates += 1;
    if (this.#seen.has(keyOf(worse, better))) this.#contradictions += 1;
    this.#seen.add(key);
    this.#longer += (1 + Math.sign(better.length - worse.length)) / 2;
  }

  get statistics(): PreferenceStatistics {
    const pairs = this.#pairs;
    return {
      ...{ pairs, duplicates: this.#duplicates, contradictions: this.#contradictions },
      lengthBias: pairs === 0 ? 0.5 : this.#longer / pairs,
    };
  }
}
