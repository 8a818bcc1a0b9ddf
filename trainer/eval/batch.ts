import { scoreToken } from "../../shared/decode/logits.ts";
import { type BatchChange, LEADER, type RowState } from "../../shared/decode/processor.ts";
import { type DecodeSettings, decodeSettings } from "../../shared/decode/registry.ts";
import { type Sample, Sampler } from "../../shared/decode/sampler.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";

export interface SamplingOptions {
  /** At least 1, the token that ends a text included. */
  readonly maxTokens: number;
  readonly isEnd: (token: number) => boolean;
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  /** 1 when left out. */
  readonly topP?: number;
  /** 0 when left out. A sample's draws depend on the seed, the prompt's place in the list and its own, and on nothing else. */
  readonly seed?: number;
  /** Whether log-probabilities are wanted; they are when left out. */
  readonly logprobs?: boolean;
}

export interface Generated {
  /** The continuation; where `ended`, its last token is the one that ends it. */
  readonly tokens: readonly number[];
  /** Natural logarithm of each token's probability under the model itself, however it was drawn; empty unless wanted. */
  readonly logprobs: readonly number[];
  readonly ended: boolean;
}

/** Which text a row is. */
export interface RowName {
  /** Place of the prompt in the list, and of the sample among the prompt's. */
  readonly prompt: number;
  readonly sample: number;
}

export interface Row extends RowName {
  readonly state: RowState & { readonly generated: readonly number[] };
  /** Positions that the row has in the cache: all of its tokens but the last. Advanced by whoever fills the cache. */
  length: number;
}

interface OwnRow extends Row {
  readonly state: RowState & { readonly generated: number[] };
  readonly logprobs: number[];
  readonly uniform: () => number;
}

/** The texts under generation, each in the slot of its place in the list: takes logits, draws tokens, ends rows. */
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

  /** A row behind the others, whose prompt has `length` positions in the cache. */
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
   * Draws the next token of the rows from slot `first` on, from the logits [V] that follow each.
   * Throws `non_finite` where they are not numbers.
   */
  advance(logits: readonly Float32Array[], first = 0): void {
    this.#sampler.update({ removed: this.#removed, added: this.#added, moved: this.#moved });
    [this.#removed, this.#added, this.#moved] = [[], [], []];
    const rows = this.#rows.slice(first, first + logits.length);
    const samples = this.#sampler.sample(
      rows.map(({ state, uniform }, i) => ({ row: state, settings: this.#settings, logits: logits[i]!, uniform })),
    );
    for (const [i, sample] of samples.entries()) {
      const { state, logprobs, ...row } = rows[i]!;
      const logprob = this.#options.logprobs === false ? undefined : this.#logprob(logits[i]!, sample);
      // One logit that is not a number makes every log-probability NaN.
      if (!Number.isFinite(logprob ?? logits[i]![sample.token])) {
        throw new TrimtabError(
          "non_finite",
          `prompt ${row.prompt}: the model's logits after ${state.generated.length} tokens are not finite`,
          { data: { prompt: row.prompt, sample: row.sample } },
        );
      }
      state.generated.push(sample.token);
      if (logprob !== undefined) logprobs.push(logprob);
    }
  }

  /** Under the model itself, which is what was drawn from where nothing shaped it. */
  #logprob(logits: Float32Array, { token, logprob }: Sample): number {
    const { temperature, topP = 1 } = this.#options;
    return temperature === 1 && topP >= 1 ? logprob : scoreToken(logits, token, 0).logprob;
  }

  /** Takes out the rows that have ended. The last row moves to the slot of each: `copy` is told to move its cache. */
  async retire(
    copy: (from: number, to: number) => Promise<void>,
  ): Promise<(RowName & { readonly result: Generated })[]> {
    const retired: (RowName & { readonly result: Generated })[] = [];
    // From the end, so that the row which fills a place has not ended itself.
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
