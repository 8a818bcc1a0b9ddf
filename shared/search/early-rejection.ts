/** Which unfinished candidates are stopped, and when. */

export interface EarlyRejectionSettings {
  /** The share of the compared candidates that is stopped at every check. */
  readonly fraction: number;
  /** How many candidates start beside each other. They are compared with one another, later ones with them. */
  readonly first: number;
}

interface Known {
  /** By check, from 0. */
  readonly scores: number[];
  /** How many checks it has been through. */
  passed: number;
  ended: boolean;
  stopped: boolean;
}

/**
 * Speculative rejection, Sun et al. 2024: at every check, the share of candidates that score worst so far is stopped. Deviations:
 *
 * - Checks come after equally many tokens of each candidate, not when memory runs out.
 * - The first candidates, as many as may run beside each other, are checked together once all of them have come that far or
 *   ended. A later candidate is compared with those alone, so that its fate does not depend on when it was admitted.
 * - One of the first candidates always stays.
 *
 * Decisions depend on the scores alone, not on the order in which they come: a candidate that has gone on, or even ended, before
 * the others came to a check may still be stopped by it.
 */
export class EarlyRejection {
  readonly #settings: EarlyRejectionSettings;
  readonly #known = new Map<number, Known>();
  /** Of the first candidates, by check: the scores of those that were compared. */
  readonly #pools: (readonly number[])[] = [];

  constructor(settings: EarlyRejectionSettings) {
    this.#settings = settings;
    for (let index = 0; index < settings.first; index++) this.#of(index);
  }

  /** A candidate has come to its next check with this score. Gives the candidates that are stopped now. */
  reached(index: number, score: number): number[] {
    this.#of(index).scores.push(score);
    return this.#settle();
  }

  /** A candidate has ended by itself. Gives the candidates that are stopped now. */
  ended(index: number): number[] {
    this.#of(index).ended = true;
    return this.#settle();
  }

  #of(index: number): Known {
    const known = this.#known.get(index) ?? { scores: [], passed: 0, ended: false, stopped: false };
    this.#known.set(index, known);
    return known;
  }

  #settle(): number[] {
    const stopped: number[] = [];
    while (this.#checkFirst(stopped));
    for (const [index, known] of this.#known) {
      if (index < this.#settings.first) continue;
      while (!known.stopped && known.passed < Math.min(known.scores.length, this.#pools.length)) {
        const check = known.passed++;
        const pool = [...this.#pools[check]!, known.scores[check]!];
        if (this.#worst(pool).has(pool.length - 1)) this.#stop(index, stopped);
      }
    }
    return stopped;
  }

  /** The next check of the first candidates, if all of them are there. Returns whether it was made. */
  #checkFirst(stopped: number[]): boolean {
    const check = this.#pools.length;
    const first = Array.from({ length: this.#settings.first }, (_, index) => this.#of(index));
    if (first.some(({ scores, ended, stopped: out }) => scores.length <= check && !ended && !out)) return false;
    const there = [...first.entries()].filter(([, { scores, stopped: out }]) => scores.length > check && !out);
    // Once none of them comes this far any more, nothing is compared with anything.
    if (
      there.length === 0 &&
      ![...this.#known.values()].some(({ scores, stopped: out }) => scores.length > check && !out)
    )
      return false;
    const pool = there.map(([, { scores }]) => scores[check]!);
    this.#pools.push(pool);
    for (const place of this.#worst(pool)) this.#stop(there[place]![0], stopped);
    return true;
  }

  #stop(index: number, stopped: number[]): void {
    this.#of(index).stopped = true;
    stopped.push(index);
  }

  /** The places of the share that scores worst; of equal ones, the later. */
  #worst(pool: readonly number[]): ReadonlySet<number> {
    const count = Math.floor(this.#settings.fraction * pool.length);
    const order = pool.map((_, place) => place).sort((a, b) => pool[a]! - pool[b]! || b - a);
    return new Set(order.slice(0, count));
  }
}
