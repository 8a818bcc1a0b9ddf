/** What is measured on choices of which one is right. */
import type { Measure } from "./measure.ts";
import type { ChooseItem, ChosenResult } from "./suite.ts";

/** A result with its item, and the probability of each choice among the choices. */
export interface Chosen<Item extends ChooseItem> {
  readonly item: Item;
  readonly index: number;
  readonly probabilities: readonly number[];
  readonly logprobs: readonly number[];
}

/** @throws Error for a result without its item, or without a likelihood for each choice */
export function chosenOf<Item extends ChooseItem>(
  items: readonly Item[],
  results: readonly ChosenResult[],
): Chosen<Item>[] {
  return results.map(({ item: index, logprobs }) => {
    const item = items[index];
    if (item === undefined || logprobs.length !== item.choices.length || logprobs.some(Number.isNaN)) {
      throw new Error(`Result of item ${index} does not have a likelihood for each of its choices.`);
    }
    return { item, index, probabilities: softmax(logprobs), logprobs };
  });
}

/** Equal shares where every choice is impossible. */
function softmax(logprobs: readonly number[]): number[] {
  const most = Math.max(...logprobs);
  if (most === Number.NEGATIVE_INFINITY) return logprobs.map(() => 1 / logprobs.length);
  const weights = logprobs.map((logprob) => Math.exp(logprob - most));
  const total = weights.reduce((sum, one) => sum + one, 0);
  return weights.map((weight) => weight / total);
}

/** 1 where the right choice is the likeliest, and a part of it where several are. */
export function isRight(logprobs: readonly number[], answer: number): number {
  const most = Math.max(...logprobs);
  const likeliest = logprobs.filter((logprob) => logprob === most).length;
  return logprobs[answer] === most ? 1 / likeliest : 0;
}

/** As `isRight`, for likelihoods by character, which favour no short choice: lm-evaluation-harness's `acc_norm` by bytes. */
export function isRightPerByte({ item, logprobs }: Chosen<ChooseItem>): number {
  const bytes = item.choices.map((choice) => new TextEncoder().encode(choice).length);
  return isRight(
    logprobs.map((logprob, i) => logprob / bytes[i]!),
    item.answer,
  );
}

/** A share of the results, each with its item. */
export function shareMeasure<Item extends ChooseItem>(
  chosen: readonly Chosen<Item>[],
  value: (one: Chosen<Item>) => number,
): Measure {
  return { kind: "share", values: chosen.map(value), items: chosen.map(({ index }) => index) };
}

export function meanMeasure<Item extends ChooseItem>(
  chosen: readonly Chosen<Item>[],
  value: (one: Chosen<Item>) => number,
): Measure {
  return { kind: "mean", values: chosen.map(value), items: chosen.map(({ index }) => index) };
}
