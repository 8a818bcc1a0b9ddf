/**
 * Win rates, plain and length-controlled (Dubois et al., "Length-Controlled AlpacaEval: A Simple Way to Debias Automatic
 * Evaluators", 2024).
 */
import { studentQuantile } from "./intervals.ts";
import { fitLogistic } from "./logistic.ts";

/** One comparison of the tuned model's reply with the starting model's. */
export interface Comparison {
  /** Which prompt both replies are to; comparisons on one prompt resemble each other. */
  readonly prompt: number;
  /** 1 where the tuned model's reply is preferred, 0 where the other is, ½ for a tie. */
  readonly preference: number;
  /** Characters of the tuned model's reply less those of the other. */
  readonly lengthDifference: number;
}

/** The preference that two scores express. */
export function preferenceOf(tuned: number, start: number): number {
  return tuned === start ? 0.5 : tuned > start ? 1 : 0;
}

interface Coefficient {
  readonly coefficient: number;
  readonly standard_error: number;
}

export interface LengthControlled {
  /** null where it cannot be told; `reason` says why. */
  readonly win_rate: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** θ */
  readonly model: Coefficient | null;
  /** φ; null where the replies are equally long. */
  readonly length: Coefficient | null;
  readonly n: number;
  readonly reason: string | null;
}

const Z = 1.959963984540054;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * The win rate that the judge would give if both models' replies were equally long:
 *
 *   P(tuned preferred) = σ(θ + φ · tanh(Δ / s)),  Δ the difference of lengths, s its standard deviation;  LC = σ(θ)
 *
 * AlpacaEval adds a term for the difficulty of each instruction, which it learns from many models' results; with two models it
 * cannot be told from θ, and is left out. AlpacaEval shrinks φ; here it is the likeliest one. The interval is of θ, by its standard
 * error. Where a prompt has several comparisons, errors count prompts, and are never below those of independent comparisons: a few
 * prompts may happen to agree.
 */
export function lengthControlledWinRate(comparisons: readonly Comparison[]): LengthControlled {
  const n = comparisons.length;
  const none = { win_rate: null, low: null, high: null, model: null, length: null, n };
  if (n === 0) return { ...none, reason: "there are no comparisons" };
  const preferences = comparisons.map(({ preference }) => preference);
  if (preferences.every((preference) => preference === preferences[0] && preference !== 0.5)) {
    const whose = preferences[0] === 1 ? "the tuned model's" : "the starting model's";
    return {
      ...none,
      reason: `all ${n} comparisons prefer ${whose} reply, so the share that length has cannot be told`,
    };
  }
  const mean = comparisons.reduce((sum, { lengthDifference }) => sum + lengthDifference, 0) / n;
  const spread = Math.sqrt(
    comparisons.reduce((sum, { lengthDifference }) => sum + (lengthDifference - mean) ** 2, 0) / n,
  );
  const isEqual = comparisons.every(({ lengthDifference }) => lengthDifference === 0);
  if (!isEqual && spread === 0) {
    return { ...none, reason: "the replies differ by the same length everywhere, which cannot be told from the model" };
  }
  const rows = comparisons.map(({ lengthDifference }) => (isEqual ? [1] : [1, Math.tanh(lengthDifference / spread)]));
  const prompts = comparisons.map(({ prompt }) => prompt);
  const groups = new Set(prompts).size;
  const fit = fitLogistic(rows, preferences, groups < n ? prompts : undefined);
  if ("reason" in fit) return { ...none, reason: fit.reason };
  const { coefficients, standardErrors, clusteredErrors } = fit;
  const [theta, phi] = coefficients;
  const [error, lengthError] = standardErrors.map((own, i) => Math.max(own, clusteredErrors?.[i] ?? 0));
  const quantile = clusteredErrors === undefined ? Z : studentQuantile(groups - 1);
  const estimate = (value: number, standardError: number) => ({ coefficient: value, standard_error: standardError });
  return {
    win_rate: sigmoid(theta!),
    low: sigmoid(theta! - quantile * error!),
    high: sigmoid(theta! + quantile * error!),
    model: estimate(theta!, error!),
    length: isEqual ? null : estimate(phi!, lengthError!),
    n,
    reason: isEqual ? "the replies are equally long, so there is nothing to control for" : null,
  };
}
