/** The win rate of the tuned model's replies against the starting model's, by a judge's scores. */
import type { JobReport } from "../../shared/api/job-report.ts";
import { changeOf, meanOf, shareOf } from "../../shared/evaluation/intervals.ts";
import { type Comparison, lengthControlledWinRate, preferenceOf } from "../../shared/evaluation/length-controlled.ts";
import type { ScoredReward } from "../rewards/reward-source.ts";
import type { Judge } from "./judge.ts";
import type { Reply } from "./subject.ts";

/** What a judge made of both models' replies, by prompt and sample. */
export interface JudgedReplies {
  readonly judge: Pick<Judge, "name" | "ownReward">;
  readonly before: readonly (readonly ScoredReward[])[];
  readonly after: readonly (readonly ScoredReward[])[];
}

interface Compared extends Comparison {
  readonly prompt: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Compares the replies of each prompt one by one. The plain win rate is the mean over prompts, and its interval counts prompts, not
 * samples, since those of one prompt resemble each other. A comparison of which one reply has no score is left out.
 */
export function winRateOf(
  { judge, before, after }: JudgedReplies,
  replies: { readonly before: readonly (readonly Reply[])[]; readonly after: readonly (readonly Reply[])[] },
): JobReport["win_rate"] {
  const compared: Compared[] = [];
  let flawed = 0;
  for (const [prompt, scores] of after.entries()) {
    for (const [sample, tuned] of scores.entries()) {
      const start = before[prompt]![sample]!;
      const isFlawed = [tuned, start].some(({ reward, flaw }) => flaw !== undefined || !Number.isFinite(reward));
      if (isFlawed) {
        flawed += 1;
        continue;
      }
      const length = (of: typeof replies.before) => of[prompt]![sample]!.text.length;
      compared.push({
        prompt,
        before: start.reward,
        after: tuned.reward,
        preference: preferenceOf(tuned.reward, start.reward),
        lengthDifference: length(replies.after) - length(replies.before),
      });
    }
  }
  const byPrompt = [...Map.groupBy(compared, ({ prompt }) => prompt).values()];
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = (of: (one: Compared) => number) => byPrompt.map((group) => mean(group.map(of)));
  const preferences = means(({ preference }) => preference);
  const [scoresBefore, scoresAfter] = [means(({ before }) => before), means(({ after }) => after)];
  const count = (wanted: number) => compared.filter(({ preference }) => preference === wanted).length;
  return {
    judge: judge.name,
    own_reward: judge.ownReward,
    wins: count(1),
    ties: count(0.5),
    losses: count(0),
    plain: shareOf(
      preferences.reduce((sum, one) => sum + one, 0),
      preferences.length,
    ),
    length_controlled: lengthControlledWinRate(compared),
    score: { before: meanOf(scoresBefore), after: meanOf(scoresAfter), change: changeOf(scoresBefore, scoresAfter) },
    flawed,
  };
}
