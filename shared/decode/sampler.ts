import { argmax } from "./logits.ts";
import type { BatchChange, ProcessedRow, Processor, ProcessorKind, RowState } from "./processor.ts";
import { type DecodeSettings, PROCESSORS, type ProcessorName } from "./registry.ts";

/** A leader whose next token is about to be chosen. */
export interface SampleRequest {
  readonly row: RowState;
  readonly settings: DecodeSettings;
  /** The model's logits [V] after everything so far. Finite; read only. */
  readonly logits: Float32Array;
  /** The logits [V] of the row's companion with that role; absent if it has none. */
  readonly companion?: (role: string) => Float32Array;
  /** Draws the random number in [0, 1) that decides; not called if the settings are greedy. */
  readonly uniform: () => number;
}

export interface Sample {
  readonly token: number;
  /**
   * Natural logarithm of the probability with which the token was drawn, after all processors; 0 if the settings are greedy. If
   * no processor changed anything, it is the model's own log-probability, as `scoreToken` gives it.
   */
  readonly logprob: number;
}

const NAMES = Object.keys(PROCESSORS) as ProcessorName[];

/**
 * Chooses tokens for the rows of a batch. Each batch has its own sampler, since processors keep state from step to step;
 * otherwise it is pure: a row's token depends only on its own logits, settings, tokens and draws, not on other rows.
 */
export class Sampler {
  readonly #processors = new Map<ProcessorName, Processor<unknown>>(
    NAMES.map((name) => [name, kindOf(name).create()] as const),
  );
  /** Buffers for scores, reused from step to step. */
  readonly #scratch: Float64Array[] = [];

  /** Tells the processors which rows joined, left or moved, before the next `sample`. */
  update(change: BatchChange): void {
    for (const processor of this.#processors.values()) processor.update?.(change);
  }

  /** One token for each request, in the same order. */
  sample(requests: readonly SampleRequest[]): Sample[] {
    const active = requests.map(({ settings }) => NAMES.filter((name) => isActive(name, settings)));
    const scores = requests.map(({ settings, logits }, i) =>
      settings.greedy && active[i]!.length === 0 ? undefined : this.#scores(i, logits),
    );
    for (const name of NAMES) {
      const rows = requests.flatMap((request, i) =>
        active[i]!.includes(name) ? [processedRow(request, name, scores[i]!)] : [],
      );
      if (rows.length > 0) this.#processors.get(name)!.apply(rows);
    }
    return requests.map(({ settings, logits, uniform }, i) =>
      settings.greedy ? { token: argmax(scores[i] ?? logits), logprob: 0 } : draw(scores[i]!, uniform()),
    );
  }

  #scores(index: number, logits: Float32Array): Float64Array {
    let scores = this.#scratch[index];
    if (scores?.length !== logits.length) scores = new Float64Array(logits.length);
    this.#scratch[index] = scores;
    scores.set(logits);
    return scores;
  }
}

function isActive(name: ProcessorName, settings: DecodeSettings): boolean {
  const own = settings[name];
  return own !== undefined && !kindOf(name).isNeutral(own);
}

// The processor with this name takes these settings, which the compiler cannot infer through the index.
function kindOf(name: ProcessorName): ProcessorKind<unknown> {
  return PROCESSORS[name] as ProcessorKind<unknown>;
}

function processedRow(
  { row, settings, logits, companion }: SampleRequest,
  name: ProcessorName,
  scores: Float64Array,
): ProcessedRow<unknown> {
  return {
    row,
    settings: settings[name],
    scores,
    logits: (role) => (role === undefined ? logits : companion!(role)),
  };
}

/** Walks through the tokens by id until their cumulative probability exceeds `uniform`. */
function draw(scores: Float64Array, uniform: number): Sample {
  const highest = scores[argmax(scores)]!;
  let sum = 0;
  for (let token = 0; token < scores.length; token++) sum += Math.exp(scores[token]! - highest);
  const logprob = (token: number) => scores[token]! - highest - Math.log(sum);
  let left = uniform * sum;
  let last = 0;
  for (let token = 0; token < scores.length; token++) {
    const weight = Math.exp(scores[token]! - highest);
    if (weight === 0) continue;
    left -= weight;
    last = token;
    if (left < 0) break;
  }
  return { token: last, logprob: logprob(last) };
}
