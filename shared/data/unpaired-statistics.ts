/** What a set of labelled completions looks like, beyond what is wrong with single lines of it. */
import { textOf } from "./completion.ts";
import type { UnpairedPreference } from "./unpaired-preference.ts";

export interface UnpairedStatistics {
  readonly lines: number;
  readonly desirable: number;
  /** Lines that an earlier one already says. */
  readonly duplicates: number;
  /** Lines of which an earlier one says the opposite. */
  readonly contradictions: number;
  /**
   * How often, of a desirable and an undesirable completion drawn at random, the longer in characters is the desirable one; equal
   * lengths count half. ½ where length says nothing.
   */
  readonly lengthBias: number;
}

/** Counts labelled completions one by one. */
export class UnpairedTally {
  readonly #seen = new Set<string>();
  readonly #lengths: { length: number; label: boolean }[] = [];
  #duplicates = 0;
  #contradictions = 0;

  add({ prompt, completion, label }: UnpairedPreference): void {
    const text = textOf(completion);
    const keyOf = (label: boolean) => JSON.stringify([textOf(prompt), text, label]);
    if (this.#seen.has(keyOf(label))) this.#duplicates += 1;
    if (this.#seen.has(keyOf(!label))) this.#contradictions += 1;
    this.#seen.add(keyOf(label));
    this.#lengths.push({ length: text.length, label });
  }

  get statistics(): UnpairedStatistics {
    const lines = this.#lengths.length;
    const desirable = this.#lengths.filter(({ label }) => label).length;
    return {
      ...{ lines, desirable, duplicates: this.#duplicates, contradictions: this.#contradictions },
      lengthBias: this.#lengthBias(desirable, lines - desirable),
    };
  }

  /** The area under the curve of length as a score: by ranks, equal ones shared. */
  #lengthBias(desirable: number, undesirable: number): number {
    if (desirable === 0 || undesirable === 0) return 0.5;
    const counts = new Map<number, [number, number]>();
    for (const { length, label } of this.#lengths) {
      const [yes, no] = counts.get(length) ?? [0, 0];
      counts.set(length, label ? [yes + 1, no] : [yes, no + 1]);
    }
    let [wins, shorter] = [0, 0];
    for (const [, [yes, no]] of [...counts].sort(([a], [b]) => a - b)) {
      wins += yes * (shorter + no / 2);
      shorter += no;
    }
    return wins / (desirable * undesirable);
  }
}
