export interface KlController {
  /** Nats a reply; absent for a fixed coefficient. */
  readonly target?: number | undefined;
  /** Replies in which the coefficient follows the target. */
  readonly horizon?: number | undefined;
}

/** Of Ziegler et al. 2019: 10,000 episodes. */
const HORIZON = 10_000;
const MOST_ERROR = 0.2;

/**
 * The coefficient for the next phase: β (1 + clip(KL / target − 1, ±0.2) · n / horizon), n the replies of this phase (Ziegler et
 * al. 2019, "Fine-Tuning Language Models from Human Preferences", 2.2). β itself without a target.
 */
export function adaptedCoefficient(
  beta: number,
  { kl, replies }: { readonly kl: number; readonly replies: number },
  { target, horizon = HORIZON }: KlController,
): number {
  if (target === undefined) return beta;
  const error = Math.min(MOST_ERROR, Math.max(-MOST_ERROR, kl / target - 1));
  return beta * (1 + (error * replies) / horizon);
}
