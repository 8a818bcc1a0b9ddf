/** How much there is to learn from a task's labels: the higher, the sooner it is handed out. */
import type { SelectionName } from "../api/labeling.ts";

/** What is known of a task's texts: numbers of each judge, in the order of the texts. */
export interface TextScores {
  /** By reward model. */
  readonly rewards: readonly (readonly number[])[];
  /** Mean log-probabilities of the texts' tokens; null where one is unknown. */
  readonly logprobs: readonly number[] | null;
}

/**
 * - `least_margin`: − the smallest difference of two texts in mean reward (uncertainty sampling by margin; Settles 2009). Of a text
 *   alone: − the distance of its mean reward from `middle`, the mean of its prompt's texts.
 * - `ensemble_variance`: the largest variance, over the models, of the difference of two texts in reward: rewards are known up to a
 *   constant each, which differences are free of. Of a text alone: of its difference from `middles`, by model.
 * - `log_probability`: − the smallest difference of two texts in mean log-probability; 0 of a text alone.
 * - `random`: 0.
 */
export function priority(
  by: SelectionName,
  { rewards, logprobs }: TextScores,
  middles: readonly number[] = [],
): number {
  if (by === "random") return 0;
  if (by === "log_probability") return logprobs === null || logprobs.length < 2 ? 0 : -leastMargin(logprobs);
  const [first] = rewards;
  if (first === undefined) return 0;
  // A text alone is compared with the mean of its prompt's texts.
  const sides = first.length === 1 ? rewards.map((of, model) => [of[0]!, middles[model] ?? of[0]!]) : rewards;
  if (by === "least_margin") return -leastMargin(sides[0]!.map((_, text) => mean(sides.map((of) => of[text]!))));
  return Math.max(...pairs(sides[0]!.length).map(([a, b]) => variance(sides.map((of) => of[a]! - of[b]!))));
}

function leastMargin(values: readonly number[]): number {
  return Math.min(...pairs(values.length).map(([a, b]) => Math.abs(values[a]! - values[b]!)));
}

function pairs(count: number): [number, number][] {
  const found: [number, number][] = [];
  for (let a = 0; a < count; a++) for (let b = a + 1; b < count; b++) found.push([a, b]);
  return found;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const middle = mean(values);
  return mean(values.map((value) => (value - middle) ** 2));
}
