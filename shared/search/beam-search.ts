/** Beam search over one group of beams. Legend: B beams, V vocabulary. */

export interface BeamSettings {
  readonly beams: number;
  /** Tokens that a text may have. */
  readonly maxTokens: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | "never";
  /** How many tokens may end a text. */
  readonly endTokens: number;
}

/** A text that the search may return. */
export interface Hypothesis<T> {
  readonly score: number;
  readonly text: T;
}

/** A text that the search follows. */
export interface RunningBeam<T> {
  /** The sum of its tokens' scores. */
  readonly sum: number;
  readonly text: T;
}

/** One way to go on: `beam` is the place of the text that `token` is put behind. */
export interface Continuation {
  readonly beam: number;
  readonly token: number;
  readonly sum: number;
}

export interface BeamStep<T> {
  /** [B] or fewer: texts so far, likeliest first. */
  readonly scores: readonly Float64Array[];
  /** The text with the token behind it, and whether that ends it. */
  readonly extend: (text: T, token: number) => { readonly text: T; readonly ends: boolean };
}

/**
 * Beam search as in transformers: in every step the best continuations of all beams are looked at, B for each token that may end a
 * text and B more, at least 2 B. Of those that go on the first B do; those that end, or reach the limit, become results if they
 * are among the first B, scored by the sum of their tokens' scores over their length (what ended them included) to a power. The
 * best B results are kept.
 *
 * T is what the caller knows a text by; it is not changed.
 */
export class BeamSearch<T> {
  readonly #settings: BeamSettings;
  #running: readonly RunningBeam<T>[];
  #results: readonly Hypothesis<T>[] = [];
  #length = 0;
  #improves = true;
  #done = false;
  #taken: readonly number[] = [];

  /** Starts with one text, which is empty. */
  constructor(settings: BeamSettings, start: T) {
    this.#settings = settings;
    this.#running = [{ sum: 0, text: start }];
  }

  /** What is followed, likeliest first; empty once the search has ended. */
  get running(): readonly RunningBeam<T>[] {
    return this.#done ? [] : this.#running;
  }

  /** What may be returned, best first. */
  get results(): readonly Hypothesis<T>[] {
    return this.#results;
  }

  /** The tokens that the last step put behind texts, but for those that ended one; at the limit too. */
  get taken(): readonly number[] {
    return this.#taken;
  }

  get done(): boolean {
    return this.#done;
  }

  /** Takes each running beam's scores [V] of its next token: log-probabilities, −∞ for tokens that are ruled out. */
  step({ scores, extend }: BeamStep<T>): void {
    const { beams, endTokens, maxTokens } = this.#settings;
    const looked = this.#best(scores, Math.max(2, 1 + endTokens) * beams);
    const isLast = this.#length + 1 >= maxTokens;
    const next = looked.map(({ beam, token, sum }, place) => {
      const { text, ends } = extend(this.#running[beam]!.text, token);
      return { sum, text, token, ends, place };
    });
    const goOn = next.filter(({ ends }) => !ends).slice(0, beams);
    this.#taken = goOn.map(({ token }) => token);
    this.#length++;
    this.#running = isLast ? [] : goOn;
    const ended = next.filter(({ ends, place }) => (ends || isLast) && place < beams);
    if (this.#improves && !(this.#isFull && this.#settings.earlyStopping === true)) {
      const scored = ended.map(({ sum, text }) => ({ score: this.#penalised(sum, this.#length), text }));
      this.#results = [...this.#results, ...scored].sort((a, b) => b.score - a.score).slice(0, beams);
    }
    this.#improves &&= this.#canImprove();
    const isClosed = this.#isFull && this.#settings.earlyStopping === true;
    this.#done = !this.#improves || isClosed || this.#running.length === 0;
  }

  get #isFull(): boolean {
    return this.#results.length === this.#settings.beams;
  }

  #penalised(sum: number, length: number): number {
    return sum / length ** this.#settings.lengthPenalty;
  }

  /** Whether the likeliest text could still become better than the worst result. */
  #canImprove(): boolean {
    const { earlyStopping, lengthPenalty, maxTokens } = this.#settings;
    const [best] = this.#running;
    if (best === undefined) return false;
    if (!this.#isFull) return true;
    const length = earlyStopping === "never" && lengthPenalty > 0 ? maxTokens : this.#length;
    return this.#penalised(best.sum, length) > this.#results.at(-1)!.score;
  }

  /** The best continuations of all beams, best first; of equal ones, those of an earlier beam, then the lower token. */
  #best(scores: readonly Float64Array[], count: number): Continuation[] {
    const best: Continuation[] = [];
    for (const [beam, { sum: before }] of this.#running.entries()) {
      const own = scores[beam]!;
      for (let token = 0; token < own.length; token++) {
        const sum = before + own[token]!;
        if (sum === Number.NEGATIVE_INFINITY || (best.length === count && sum <= best[count - 1]!.sum)) continue;
        let place = best.length;
        while (place > 0 && best[place - 1]!.sum < sum) place--;
        best.splice(place, 0, { beam, token, sum });
        if (best.length > count) best.pop();
      }
    }
    return best;
  }
}
