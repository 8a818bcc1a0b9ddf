import { type BatchChange, LEADER, type RowState } from "../../shared/decode/processor.ts";
import { type DecodeSettings, decodeSettings } from "../../shared/decode/registry.ts";
import { Sampler } from "../../shared/decode/sampler.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";

export interface SamplingOptions {
  /** At least 1; counts the token that ends a text. */
  readonly maxTokens: number;
  readonly isEnd: (token: number) => boolean;
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  /** 1 by default. */
  readonly topP?: number;
  /** 0 by default. A sample's draws depend only on the seed, the prompt's index and the sample's index. */
  readonly seed?: number;
  /** Whether to report log-probabilities; true by default. */
  readonly logprobs?: boolean;
}

export interface Generated {
  /** The continuation. If `ended`, its last token is the one that ended it. */
  readonly tokens: readonly number[];
  /**
   * Natural logarithm of each token's probability under the model itself, however it was drawn; empty unless requested. Floats
   * of 32 bits, of the training graph's own softmax.
   */
  readonly logprobs: readonly number[];
  readonly ended: boolean;
}

/** The text that a row generates. */
export interface RowName {
  /** Place of the prompt in the list, and of the sample among the prompt's. */
  readonly prompt: number;
  readonly sample: number;
}

export interface Row extends RowName {
  readonly state: RowState & { readonly generated: readonly number[] };
  /**
   * How many positions the row has in the cache: all of its tokens but the last. The caller that fills the cache advances it.
   */
  length: number;
}

interface OwnRow extends Row {
  readonly state: RowState & { readonly generated: number[] };
  readonly logprobs: number[];
  readonly uniform: () => number;
}

/** The texts being generated, one per slot: takes logits, draws tokens, ends rows. */
export class Batch {
  readonly #options: SamplingOptions;
  readonly #settings: DecodeSettings;
  readonly #sampler = new Sampler();
  readonly #rows: OwnRow[] = [];
  #removed: BatchChange["removed"][number][] = [];
  #added: BatchChange["added"][number][] = [];
  #moved: BatchChange["moved"][number][] = [];

  constructor(options: SamplingOptions) {
    this.#options = options;
    this.#settings = decodeSettings({ temperature: options.temperature, topP: options.topP ?? 1 });
  }

  /** By slot. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Appends a row whose prompt has `length` positions in the cache. */
  add({
    prompt,
    sample,
    tokens,
    length,
  }: RowName & { readonly tokens: readonly number[]; readonly length: number }): void {
    const random = createRandom(this.#options.seed ?? 0, "sample", prompt, sample);
    const state = { role: LEADER, prompt: tokens, generated: [] };
    this.#added.push({ row: state, slot: this.#rows.length });
    this.#rows.push({ ...{ prompt, sample, state, length }, logprobs: [], uniform: () => random.float() });
  }

  /**
   * Draws the next token of every row from slot `first` on, given the log-probabilities [V] of what may follow each. Throws
   * `non_finite` if they are not numbers.
   */
  advance(logProbabilities: readonly Float32Array[], first = 0): void {
    this.#sampler.update({ removed: this.#removed, added: this.#added, moved: this.#moved });
    [this.#removed, this.#added, this.#moved] = [[], [], []];
    const rows = this.#rows.slice(first, first + logProbabilities.length);
    // As scores they are as good as logits, from which each row's differ by a constant.
    const samples = this.#sampler.sampleNow(
      rows.map(({ state, uniform }, i) => {
        return { row: state, settings: this.#settings, logits: logProbabilities[i]!, uniform };
      }),
    );
    for (const [i, { token }] of samples.entries()) {
      const { state, logprobs, ...row } = rows[i]!;
      const logprob = logProbabilities[i]![token]!;
      // A single NaN logit makes every log-probability NaN.
      if (!Number.isFinite(logprob)) {
        throw new TrimtabError(
          "non_finite",
          `prompt ${row.prompt}: the model's logits after ${state.generated.length} tokens are not finite`,
          { data: { prompt: row.prompt, sample: row.sample } },
        );
      }
      state.generated.push(token);
      if (this.#options.logprobs !== false) logprobs.push(logprob);
    }
  }

  /** Removes the rows that have ended. The last row moves into each freed slot; `copy` must move its cache. */
  async retire(
    copy: (from: number, to: number) => Promise<void>,
  ): Promise<(RowName & { readonly result: Generated })[]> {
    const retired: (RowName & { readonly result: Generated })[] = [];
    // From the end, so that the row that fills a slot has not itself ended.
    for (let slot = this.#rows.length - 1; slot >= 0; slot--) {
      const { prompt, sample, state, logprobs } = this.#rows[slot]!;
      const ended = this.#options.isEnd(state.generated.at(-1)!);
      if (!ended && state.generated.length < this.#options.maxTokens) continue;
      retired.push({ prompt, sample, result: { tokens: state.generated, logprobs, ended } });
      this.#removed.push(state);
      const last = this.#rows.pop()!;
      if (slot === this.#rows.length) continue;
      await copy(this.#rows.length, slot);
      this.#moved.push({ row: last.state, from: this.#rows.length, to: slot });
      this.#rows[slot] = last;
    }
    return retired;
  }
}
