/**
 * Makes rewards from settings. A new kind is a file beside this one, a row of `SOURCES`, and a schema in
 * `shared/api/rewards.ts`.
 */
import { type Reward, type RewardPart, rewardParts, type SingleReward } from "../../shared/api/rewards.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { GradeContext } from "../../shared/graders/kind.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { Executor } from "../engines/executor.ts";
import { checkItem, graderReward } from "./grader.ts";
import type { RewardSource, ScoredReply } from "./reward-source.ts";
import { weightedSum } from "./weighted-sum.ts";

/** What rewards are made with. */
export interface RewardContext {
  /** The base, which reward models and classifiers are deltas of. */
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** Keeps what it compiles until the run ends. */
  readonly executor: Executor;
  /** The deltas that the settings name. */
  readonly models: ReadonlyMap<string, { readonly digest: string; readonly files: ReadonlyMap<string, Uint8Array> }>;
  readonly ask: GradeContext["ask"];
  readonly yieldToEventLoop: () => Promise<void>;
}

type Of<T extends SingleReward["type"]> = Extract<SingleReward, { readonly type: T }>;
type Make<T extends SingleReward["type"]> = (reward: Of<T>, param: string, context: RewardContext) => RewardSource;

const SOURCES: { readonly [T in SingleReward["type"]]?: Make<T> } = {
  grader: ({ grader }, param, { ask }) => graderReward({ grader, param: `${param}.grader`, ask }),
};

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
  const make = SOURCES[reward.type] as Make<typeof reward.type> | undefined;
  if (make !== undefined) return make(reward as never, param, context);
  throw new TrimtabError(
    "invalid_request",
    `\`${param}.type\` is ${reward.type}, which this trainer cannot compute yet`,
    {
      param: `${param}.type`,
    },
  );
}

/** What a part of a list is called in metrics. */
function nameOf({ reward }: RewardPart): string {
  if (reward.type === "grader") return reward.grader.name as string;
  return reward.type === "ensemble" ? reward.models.join("+") : reward.model;
}
