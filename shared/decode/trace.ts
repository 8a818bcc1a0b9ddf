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
  /** What each processor changed, in the order in which they ran. */
  readonly changes: readonly PartChange[];
  /** What each part noted, by its name. */
  readonly parts: Readonly<Record<string, unknown>>;
}

/** What one processor made of the distribution that those before it had left. */
export interface PartChange {
  readonly part: string;
  /** The chosen token's probability before and after it. */
  readonly before: number;
  readonly after: number;
  /** KL(after ‖ before) in nats. */
  readonly kl: number;
}

/** The scores [V] that a processor left. */
export interface Snapshot {
  readonly part: string;
  readonly scores: Float64Array;
}

interface Traced {
  readonly snapshots: readonly Snapshot[];
  /** [V]: the model's own. */
  readonly logits: Float32Array;
  /** [V]: after all processors; −∞ for tokens that are ruled out. */
  readonly scores: Float64Array;
  readonly notes: Readonly<Record<string, unknown>>;
  /** How many alternatives to list. */
  readonly top: number;
}

export function traceOf(token: number, { logits, scores, snapshots, notes, top }: Traced): TokenTrace {
  const [ofLogits, ofScores] = [logSumExp(logits), logSumExp(scores)];
  const probabilities = (id: number) => ({
    token: id,
    before: Math.exp(logits[id]! - ofLogits),
    after: Math.exp(scores[id]! - ofScores),
  });
  return {
    ...probabilities(token),
    kl: divergence(scores, logits),
    top: likeliest(scores, top).map(probabilities),
    changes: snapshots.map(({ part, scores: after }, i) => {
      const before = snapshots[i - 1]?.scores ?? logits;
      const of = (values: ArrayLike<number>) => Math.exp(values[token]! - logSumExp(values));
      return { part, before: of(before), after: of(after), kl: divergence(after, before) };
    }),
    parts: { ...notes },
  };
}

/** KL(after ‖ before) in nats of two distributions, given their scores [V]. A token that is only ruled out before adds nothing. */
function divergence(after: ArrayLike<number>, before: ArrayLike<number>): number {
  const [ofAfter, ofBefore] = [logSumExp(after), logSumExp(before)];
  let kl = 0;
  for (let id = 0; id < after.length; id++) {
    const log = after[id]! - ofAfter;
    if (log === Number.NEGATIVE_INFINITY || before[id] === Number.NEGATIVE_INFINITY) continue;
    kl += Math.exp(log) * (log - (before[id]! - ofBefore));
  }
  // Rounding may take a divergence of 0 below it.
  return Math.max(0, kl);
}
