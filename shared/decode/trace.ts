/** What happened to one token's distribution on the way from the model to the draw. */
import { likeliest, logSumExp } from "./logits.ts";

export interface TokenTrace {
  readonly token: number;
  /** The token's probability under the model's own distribution, and under the one that it was drawn from. */
  readonly before: number;
  readonly after: number;
  /** KL(after ‖ before) in nats: how far all processors together moved the distribution. */
  readonly kl: number;
  /** The likeliest tokens after all processors, likeliest first. */
  readonly top: readonly { readonly token: number; readonly before: number; readonly after: number }[];
  /** What each part noted, by its name. */
  readonly parts: Readonly<Record<string, unknown>>;
}

interface Traced {
  /** [V]: the model's own. */
  readonly logits: Float32Array;
  /** [V]: after all processors; −∞ for tokens that are ruled out. */
  readonly scores: Float64Array;
  readonly notes: Readonly<Record<string, unknown>>;
  /** How many alternatives to list. */
  readonly top: number;
}

export function traceOf(token: number, { logits, scores, notes, top }: Traced): TokenTrace {
  const [ofLogits, ofScores] = [logSumExp(logits), logSumExp(scores)];
  let kl = 0;
  for (let id = 0; id < scores.length; id++) {
    const after = scores[id]! - ofScores;
    if (after === Number.NEGATIVE_INFINITY) continue;
    kl += Math.exp(after) * (after - (logits[id]! - ofLogits));
  }
  const probabilities = (id: number) => ({
    token: id,
    before: Math.exp(logits[id]! - ofLogits),
    after: Math.exp(scores[id]! - ofScores),
  });
  return {
    ...probabilities(token),
    // Rounding may take a divergence of 0 below it.
    kl: Math.max(0, kl),
    top: likeliest(scores, top).map(probabilities),
    parts: { ...notes },
  };
}
