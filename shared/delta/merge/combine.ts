import type { MergeContext, Term } from "./elementwise.ts";

/** Σ wᵢvᵢ */
export function weightedSum(terms: readonly Term[]): Float64Array {
  const result = new Float64Array(terms[0]!.values.length);
  for (const { values, weight } of terms) {
    for (let index = 0; index < result.length; index++) result[index]! += weight * values[index]!;
  }
  return result;
}

/**
 * For each element, the mean of wᵢvᵢ over the deltas whose vᵢ has the elected sign (Yadav et al., "TIES-Merging", 2023, steps
 * 2 and 3). As in peft's `merge_utils.ties`, the magnitudes of the weights do not affect the vote. Unlike in peft, their
 * signs do: a delta with weight −1 votes as its negation would. A tie elects plus.
 */
export function meanOfAgreeing(
  terms: readonly Term[],
  { majoritySignMethod }: Pick<MergeContext, "majoritySignMethod">,
): Float64Array {
  const result = new Float64Array(terms[0]!.values.length);
  for (let index = 0; index < result.length; index++) {
    let vote = 0;
    for (const { values, weight } of terms) {
      const value = Math.sign(weight) * values[index]!;
      vote += majoritySignMethod === "total" ? value : Math.sign(value);
    }
    const elected = vote >= 0 ? 1 : -1;
    let sum = 0;
    let count = 0;
    for (const { values, weight } of terms) {
      const value = weight * values[index]!;
      if (Math.sign(value) !== elected) continue;
      sum += value;
      count++;
    }
    if (count > 0) result[index] = sum / count;
  }
  return result;
}
