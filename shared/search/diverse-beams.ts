import { BeamSearch, type BeamSettings, type BeamStep, type Hypothesis, type RunningBeam } from "./beam-search.ts";

export interface DiverseSettings extends BeamSettings {
  /** Divides the number of beams. */
  readonly groups: number;
  /** λ */
  readonly diversity: number;
}

/**
 * Diverse beam search, Vijayakumar et al. 2018, with the Hamming diversity: the groups take their steps one after another, and in
 * each a token loses λ for every beam of an earlier group that has just taken it. Each group is a beam search of its own; the
 * penalties stay part of its texts' scores. One group is plain beam search.
 */
export class DiverseBeams<T> {
  readonly #groups: readonly BeamSearch<T>[];
  readonly #diversity: number;

  constructor({ groups, diversity, ...settings }: DiverseSettings, start: T) {
    const own = { ...settings, beams: settings.beams / groups };
    this.#groups = Array.from({ length: groups }, () => new BeamSearch(own, start));
    this.#diversity = diversity;
  }

  /** What is followed, group after group. */
  get running(): readonly RunningBeam<T>[] {
    return this.#groups.flatMap(({ running }) => running);
  }

  /** Best first; of equal ones, those of an earlier group. */
  get results(): readonly Hypothesis<T>[] {
    return this.#groups.flatMap(({ results }) => results).sort((a, b) => b.score - a.score);
  }

  get done(): boolean {
    return this.#groups.every(({ done }) => done);
  }

  /** Takes the scores [V] of every running beam, in their order; they are changed. */
  step({ scores, extend }: BeamStep<T>): void {
    const taken = new Map<number, number>();
    let from = 0;
    for (const group of this.#groups) {
      const own = scores.slice(from, from + group.running.length);
      from += own.length;
      if (own.length === 0) continue;
      for (const [token, times] of taken) for (const score of own) score[token]! -= this.#diversity * times;
      group.step({ scores: own, extend });
      for (const token of group.taken) taken.set(token, (taken.get(token) ?? 0) + 1);
    }
  }
}
