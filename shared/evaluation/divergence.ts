/** The divergence KL(tuned ‖ start), estimated on the tuned model's own samples (Schulman, "Approximating KL Divergence", 2020). */
import { type Clusters, type Estimate, meanOf } from "./intervals.ts";

/** log p of each token of a reply that the tuned model sampled at temperature 1, its end included, under both models. */
export interface SampledReply {
  readonly tuned: readonly number[];
  readonly start: readonly number[];
}

export interface Divergence {
  /** k1: the mean over replies of Σ log π − log ref, in nats a reply. Without bias; single replies can be below 0. */
  readonly k1: Estimate;
  /** k3: the mean of Σ e^(−d) − 1 + d with d = log π − log ref: never below 0, and of less variance where d is small. */
  readonly k3: Estimate;
  /** k1 over all tokens, in nats a token. */
  readonly perToken: number;
}

/**
 * @param prompts whose reply each is
 * @returns null without replies, or if none has a token
 */
export function divergenceOf(replies: readonly SampledReply[], prompts?: Clusters): Divergence | null {
  const differences = replies.map(({ tuned, start }) => tuned.map((logprob, t) => logprob - start[t]!));
  const tokens = differences.reduce((sum, { length }) => sum + length, 0);
  const sums = differences.map((ds) => ds.reduce((sum, d) => sum + d, 0));
  const k1 = meanOf(sums, prompts);
  const k3 = meanOf(
    differences.map((ds) => ds.reduce((sum, d) => sum + Math.expm1(-d) + d, 0)),
    prompts,
  );
  if (k1 === null || k3 === null || tokens === 0) return null;
  return { k1, k3, perToken: sums.reduce((sum, one) => sum + one, 0) / tokens };
}
