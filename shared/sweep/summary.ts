import type { Interval, SweepStatistics } from "../api/steering-sweep.ts";
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { createRandom } from "../random.ts";
import { bootstrapInterval, type Group, ratioOf } from "./bootstrap.ts";
import { distinctShare, repetitionRate } from "./text-statistics.ts";

/** One generated text. */
export interface Sample {
  /** Index of its prompt. */
  readonly prompt: number;
  readonly text: string;
  readonly tokens: readonly number[];
  /** ln p of each token under the base model without steering; as many as there are tokens. */
  readonly baseLogprobs: readonly number[];
  readonly effect: number;
}

/** Unlikely tokens may come out a rounding error above ln 1. */
const ROUNDING = 1e-4;

/**
 * The statistics of one run's texts. Perplexity is exp(−Σ ln p / Σ tokens) over all texts, so that a long text counts for more.
 *
 * @param plain the perplexity of the model as it is; undefined while it is that run's own
 * @param seed of the intervals: equal samples and seeds give equal ones
 * @throws TrimtabError internal_error where there are no samples or one has not a log-probability for each token, non_finite
 *   where one is no log-probability or an effect no number
 */
export function summarise(
  samples: readonly Sample[],
  { seed, name, plain }: { seed: number; name: string; plain?: number | null },
): SweepStatistics {
  check(samples, name);
  const texts = samples.map(({ tokens }) => tokens);
  const tokens = texts.reduce((sum, { length }) => sum + length, 0);
  const interval = (of: string, groups: readonly Group[]): Interval => {
    const [low, high] = bootstrapInterval(groups, { random: createRandom(seed, name, of) }) ?? [null, null];
    return { value: ratioOf(groups), low, high };
  };
  const effect = interval(
    "effect",
    groupsOf(samples, ({ effect }) => ({ sum: effect, count: 1 })),
  );
  const surprise = groupsOf(samples, ({ baseLogprobs }) => ({
    sum: -baseLogprobs.reduce((sum, logprob) => sum + logprob, 0),
    count: baseLogprobs.length,
  }));
  const perplexity = tokens === 0 ? null : exponential(interval("perplexity", surprise));
  return {
    texts: samples.length,
    tokens,
    effect,
    base_perplexity: perplexity,
    perplexity_ratio: ratioTo(perplexity?.value, plain === undefined ? perplexity?.value : plain),
    distinct_1: distinctShare(texts, 1),
    distinct_2: distinctShare(texts, 2),
    distinct_3: distinctShare(texts, 3),
    repetition: repetitionRate(texts, 4),
    length: tokens / samples.length,
    examples: samples.slice(0, LIMITS.sweepExamples).map(({ text }) => text),
  };
}

function ratioTo(own: number | undefined, plain: number | null | undefined): number | null {
  return own === undefined || plain === null || plain === undefined ? null : own / plain;
}

/** exp keeps the order, so the ends of the interval are those of the mean's. */
function exponential({ value, low, high }: Interval): Interval {
  const [lower, upper] = [low === null ? null : Math.exp(low), high === null ? null : Math.exp(high)];
  return { value: Math.exp(value), low: lower, high: upper };
}

function groupsOf(samples: readonly Sample[], part: (sample: Sample) => Group): Group[] {
  const groups = new Map<number, Group>();
  for (const sample of samples) {
    const [before, own] = [groups.get(sample.prompt) ?? { sum: 0, count: 0 }, part(sample)];
    groups.set(sample.prompt, { sum: before.sum + own.sum, count: before.count + own.count });
  }
  return [...groups.values()];
}

function check(samples: readonly Sample[], name: string): void {
  if (samples.length === 0) throw new TrimtabError("internal_error", `The run ${name} of the sweep gave no texts.`);
  for (const { tokens, baseLogprobs, effect } of samples) {
    if (tokens.length !== baseLogprobs.length) {
      const message = `The run ${name} of the sweep gave ${baseLogprobs.length} log-probabilities for ${tokens.length} tokens.`;
      throw new TrimtabError("internal_error", message);
    }
    const wrong = baseLogprobs.find((logprob) => !(Number.isFinite(logprob) && logprob <= ROUNDING));
    if (wrong !== undefined || !Number.isFinite(effect)) {
      const what = wrong === undefined ? `an effect of ${effect}` : `a token of log-probability ${wrong}`;
      throw new TrimtabError("non_finite", `The run ${name} of the sweep gave ${what}.`);
    }
  }
}
