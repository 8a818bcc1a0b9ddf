import { classLogProbabilities } from "../../shared/delta/scorer-values.ts";
import { requireWholeTexts } from "../../shared/delta/whole-text.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { namedScorer, type ScorerDelta, type ScoringBase } from "./named-scorer.ts";
import type { RewardSource } from "./reward-source.ts";

export interface ClassifierReward {
  readonly label: string;
  /** ln p of the class, or p. A logarithm punishes what the classifier is sure of without limit. */
  readonly as: "log_probability" | "probability";
}

/**
 * Rewards replies with the calibrated probability of a class.
 *
 * @throws TrimtabError as `namedScorer` does; invalid_request for a reward model, a classifier of unfinished texts alone, or a label
 *   that it does not have
 */
export function classifierSource(delta: ScorerDelta, base: ScoringBase, { label, as }: ClassifierReward): RewardSource {
  const { scorer, states } = namedScorer(delta, base);
  const { name, param } = delta;
  const { labels } = scorer.about;
  if (labels.length === 1) {
    const message = `\`${param}\`: ${JSON.stringify(name)} is a reward model, which has no classes. Use it as a reward model.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  requireWholeTexts(scorer, param);
  const place = labels.indexOf(label);
  if (place < 0) {
    const known = labels.map((one) => JSON.stringify(one)).join(", ");
    const message = `\`${param}\`: ${JSON.stringify(name)} has no class ${JSON.stringify(label)}; it has ${known}.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  return {
    async score(replies) {
      return (await states(replies)).map((state) => {
        const log = classLogProbabilities(scorer, state)[place]!;
        return { reward: as === "probability" ? Math.exp(log) : log };
      });
    },
  };
}
