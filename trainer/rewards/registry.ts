/**
 * Makes rewards from settings. A new kind is a file beside this one, a row of `SOURCES`, and a schema in
 * `shared/api/reward-settings.ts`.
 */
import { type Reward, type RewardPart, rewardParts, type SingleReward } from "../../shared/api/reward-settings.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { GradeContext } from "../../shared/graders/kind.ts";
import { classifierSource } from "./classifier.ts";
import { ensembleSource } from "./ensemble.ts";
import { checkItem, graderReward } from "./grader.ts";
import type { ScorerDelta, ScoringBase } from "./named-scorer.ts";
import { loadRewardModel, rewardModelSource } from "./reward-model.ts";
import type { RewardSource, ScoredReply } from "./reward-source.ts";
import { weightedSum } from "./weighted-sum.ts";

/** What rewards are made with. The base is the job's, without what the run trains. */
export interface RewardContext extends ScoringBase {
  /** The deltas that the settings name. */
  readonly models: ReadonlyMap<string, { readonly files: ReadonlyMap<string, Uint8Array> }>;
  readonly ask: GradeContext["ask"];
}

type Of<T extends SingleReward["type"]> = Extract<SingleReward, { readonly type: T }>;
type Make<T extends SingleReward["type"]> = (reward: Of<T>, param: string, context: RewardContext) => RewardSource;

const SOURCES: { readonly [T in SingleReward["type"]]: Make<T> } = {
  reward_model: ({ model }, param, context) =>
    rewardModelSource(loadRewardModel(delta(model, `${param}.model`, context), context)),
  ensemble: ({ models, aggregate }, param, context) => {
    const members = models.map((name, i) => {
      return { name, model: loadRewardModel(delta(name, `${param}.models[${i}]`, context), context) };
    });
    return ensembleSource(members, aggregate);
  },
  classifier: ({ model, label, as }, param, context) =>
    classifierSource(delta(model, `${param}.model`, context), context, { label, as }),
  grader: ({ grader }, param, { ask }) => graderReward({ grader, param: `${param}.grader`, ask }),
};

function delta(name: string, param: string, { models }: Pick<RewardContext, "models">): ScorerDelta {
  const found = models.get(name);
  if (found !== undefined) return { name, param, files: found.files };
  throw new TrimtabError("internal_error", `the lease has no files of ${name}, which \`${param}\` names`);
}

/** The reward that `reward` names; `param` is its path in the job's request. Throws `invalid_request` for one that cannot be had. */
export function createReward({ reward, param }: RewardSetting, context: RewardContext): RewardSource {
  const parts = rewardParts(reward, param);
  const made = parts.map((part) => ({ name: nameOf(part), weight: part.weight, source: sourceOf(part, context) }));
  return Array.isArray(reward) ? weightedSum(made) : made[0]!.source;
}

export interface RewardSetting {
  readonly reward: Reward;
  readonly param: string;
}

/** Throws `invalid_file`, with the line, for a prompt whose line lacks what a grader's template names. */
export async function checkRewardItems(
  { reward, param }: RewardSetting,
  place: Pick<ScoredReply, "item"> & { readonly line: number; readonly name: string },
): Promise<void> {
  for (const part of rewardParts(reward, param)) {
    if (part.reward.type !== "grader") continue;
    await checkItem({ grader: part.reward.grader, param: `${part.param}.grader` }, place);
  }
}

function sourceOf({ reward, param }: RewardPart, context: RewardContext): RewardSource {
  return (SOURCES[reward.type] as Make<SingleReward["type"]>)(reward as never, param, context);
}

/** What a part of a list is called in metrics. */
function nameOf({ reward }: RewardPart): string {
  if (reward.type === "grader") return reward.grader.name as string;
  return reward.type === "ensemble" ? reward.models.join("+") : reward.model;
}
