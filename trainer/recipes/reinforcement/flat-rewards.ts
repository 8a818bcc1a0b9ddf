import { TrimtabError } from "../../../shared/errors.ts";
import type { ScoredReward } from "../../rewards/reward-source.ts";
import type { PhaseFacts } from "./phase-section.ts";

/** Phases in a row without anything to learn from, after which a run ends. */
export const FLAT_PHASES = 5;

type Flatness = Pick<PhaseFacts, "flat" | "varied" | "constant">;

/**
 * How many phases in a row have had nothing to learn from: every reply of the phase and of the one before had the same reward, or no
 * reply has an advantage over another. `advantages` are those of the rewards alone: the divergence from the reference always differs.
 */
export function flatness(
  before: Flatness,
  { rewards, advantages }: { readonly rewards: readonly number[]; readonly advantages: readonly (readonly number[])[] },
): Flatness {
  const isConstant = rewards.every((reward) => reward === rewards[0]);
  const isFirst = before.constant === null && before.flat === 0 && !before.varied;
  const isSame = isConstant && (isFirst || before.constant === rewards[0] || rewards.length > 1);
  const isFlat = isSame || advantages.every((ofReply) => ofReply.every((advantage) => advantage === 0));
  return {
    flat: isFlat ? before.flat + 1 : 0,
    varied: before.varied || !isFlat,
    constant: isConstant ? rewards[0]! : null,
  };
}

/** What was the matter with a phase's rewards. */
export function flatWords({ constant }: Pick<Flatness, "constant">): string {
  return constant === null
    ? "the replies to each prompt have had equal rewards"
    : `every reply has had the reward ${constant}`;
}

/**
 * Why a run ends that has nothing more to learn from, or undefined. Throws `invalid_request`, with the reward's field, for one that
 * never had anything; a short run hears of it in its last phase, before it would publish what chance has made.
 */
export function flatReason(
  { flat, varied, constant }: Flatness,
  { param, isLast }: { readonly param: string; readonly isLast: boolean },
): string | undefined {
  const hasEnough = flat >= FLAT_PHASES || (isLast && flat > 0 && !varied);
  if (!hasEnough) return undefined;
  const what = `${flatWords({ constant })} for ${flat} ${flat === 1 ? "phase" : "phases"}`;
  if (varied) return `${what}, so there is nothing left to learn`;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\`: ${what}, from the first on, so the run cannot learn anything. Check that the reward fits the prompts and that some replies can earn more than others; raise \`num_generations\` or \`temperature\` if good ones are rare.`,
    { param },
  );
}

/**
 * Throws `non_finite` for a reward that is no number, and `scorer_failed` where no reply could be judged, with what was wrong.
 * `where` names the replies, such as "phase 3".
 */
export function requireRewards(
  rewards: readonly ScoredReward[],
  { where, param }: { where: string; param: string },
): void {
  const wrong = rewards.find(({ reward }) => !Number.isFinite(reward));
  if (wrong !== undefined) {
    throw new TrimtabError(
      "non_finite",
      `${where}: \`${param}\` gave a reply the reward ${wrong.reward}, which is no number`,
      {
        param,
        data: { reward: String(wrong.reward) },
      },
    );
  }
  const flaws = rewards.flatMap(({ flaw }) => flaw ?? []);
  if (rewards.length === 0 || flaws.length < rewards.length) return;
  throw new TrimtabError("scorer_failed", `${where}: \`${param}\` could judge no reply: ${flaws[0]}`, {
    param,
    data: { flaw: flaws[0] },
  });
}
