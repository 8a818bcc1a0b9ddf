import { TrimtabError } from "../../shared/errors.ts";

/** A sample of a prompt that waits for a slot. */
export interface Waiting {
  /** Place of the prompt in the list, and of the sample among the prompt's. */
  readonly prompt: number;
  readonly sample: number;
}

/** Samples of one prompt that start together. */
export interface Starting {
  readonly prompt: number;
  readonly samples: readonly number[];
  /** Earlier samples of the prompt have already started. */
  readonly continued: boolean;
  /** Further samples of the prompt will start after these. */
  readonly continues: boolean;
}

/**
 * The samples of all prompts, prompt by prompt, so that at any time at most one prompt has both started and waiting samples.
 */
export class SampleQueue {
  readonly #counts: readonly number[];
  #prompt = 0;
  #sample = 0;

  /** `counts`: how many samples each prompt wants. Throws `invalid_request` for none. */
  constructor(counts: readonly number[]) {
    const wrong = counts.find((count) => !Number.isInteger(count) || count < 1);
    if (wrong !== undefined) {
      throw new TrimtabError("invalid_request", `each prompt needs at least one sample, got ${wrong}`);
    }
    this.#counts = counts;
  }

  get isEmpty(): boolean {
    return this.#prompt === this.#counts.length;
  }

  /** The next samples, at most `room` of them. */
  take(room: number): Starting[] {
    const taken: Starting[] = [];
    let left = room;
    while (left > 0 && !this.isEmpty) {
      const prompt = this.#prompt;
      const first = this.#sample;
      const end = Math.min(this.#counts[prompt]!, first + left);
      const continues = end < this.#counts[prompt]!;
      const samples = Array.from({ length: end - first }, (_, i) => first + i);
      taken.push({ prompt, samples, continued: first > 0, continues });
      left -= samples.length;
      this.#sample = continues ? end : 0;
      if (!continues) this.#prompt += 1;
    }
    return taken;
  }
}
