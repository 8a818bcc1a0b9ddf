import { argmax } from "./logits.ts";
import type { BatchChange, ProcessedRow, Processor, ProcessorKind, RowState } from "./processor.ts";
import { type DecodeSettings, PROCESSORS, type ProcessorName } from "./registry.ts";

/** A leader that is about to get its next token. */
export interface SampleRequest {
  readonly row: RowState;
  readonly settings: DecodeSettings;
  /** The model's logits [V] that follow everything so far; finite, and not changed. */
  readonly logits: Float32Array;
  /** The logits [V] of the row's companion with that role; left out where it has none. */
  readonly companion?: (role: string) => Float32Array;
  /** A number in [0, 1) that decides; not asked for when the settings are greedy. */
  readonly uniform: () => number;
}

export interface Sample {
  readonly token: number;
  /**
   * Natural logarithm of the probability with which the token was drawn, after all processors; 0 when the settings are greedy.
   * Where no processor has changed anything it is the model's own log-probability, as `scoreToken` gives it.
   */
  readonly logprob: number;
}

const NAMES = Object.keys(PROCESSORS) as ProcessorName[];

/**
 * Chooses tokens for the rows of a batch: one object for each batch, since processors keep state from step to step. Pure
 * otherwise: a row's token depends on its own logits, settings, tokens and draws, and not on the rows beside it.
 */
export class Sampler {
  readonly #processors = new Map<ProcessorName, Processor<unknown>>(
    NAMES.map((name) => [name, kindOf(name).create()] as const),
  );
  /** Scores of earlier steps, used again. */
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

// The row of a name takes the settings of that name, which the compiler does not follow through the index.
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

/** Walks through the tokens by id until the probabilities passed reach `uniform`. */
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
