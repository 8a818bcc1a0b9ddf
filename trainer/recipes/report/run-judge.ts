/** Makes the judge of a report from settings. */
import { settingsPath, type TrainingSettings } from "../../../shared/api/methods.ts";
import { isGrader, type ReportSettings } from "../../../shared/api/report-settings.ts";
import { type Reward, rewardParts } from "../../../shared/api/reward-settings.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import type { Judge } from "../../report/judge.ts";
import { graderReward } from "../../rewards/grader.ts";
import { createReward } from "../../rewards/registry.ts";
import type { RewardSource } from "../../rewards/reward-source.ts";
import type { TrainedRun } from "../trained-run.ts";

/** What `report.judge` names. */
export function judgeOfSettings<S extends TrainingSettings>(
  judge: NonNullable<ReportSettings["judge"]>,
  trained: TrainedRun<S>,
): Judge {
  const { job, context } = trained;
  const param = `${settingsPath(job)}.report.judge`;
  if (!isGrader(judge))
    return { ...rewardOfRun({ reward: judge, param }, trained), name: named(judge), ownReward: false };
  const source = graderReward({ grader: judge, param, ask: context.ask });
  return { ...source, name: `the grader ${judge.name}`, ownReward: false };
}

/** The reward of a job on rewards: the gold one where there is one, which was not trained on. */
export function judgeOfRewards<
  S extends TrainingSettings & { readonly reward: Reward; readonly gold?: Reward | undefined },
>(trained: TrainedRun<S>, rewardParam: string): Judge {
  const { reward, gold } = trained.job.settings;
  if (gold === undefined) {
    return { ...rewardOfRun({ reward, param: rewardParam }, trained), name: named(reward), ownReward: true };
  }
  const param = `${settingsPath(trained.job)}.gold`;
  const name = `the gold reward, ${named(gold)}`;
  return { ...rewardOfRun({ reward: gold, param }, trained), name, ownReward: false };
}

function rewardOfRun<S extends TrainingSettings>(
  setting: { readonly reward: Reward; readonly param: string },
  { job, context, run, executor }: TrainedRun<S>,
): RewardSource {
  // Reward models judge texts of the bare base, whatever the run continues from.
  const { config, weights } = job.parent === undefined ? run : loadModelFolder(job.base.files);
  return createReward(setting, {
    ...{ config, weights, executor, tokenizer: run.tokenizer, maxLength: run.maxLength, digest: job.base.digest },
    ...{ models: job.models ?? new Map(), ask: context.ask, yieldToEventLoop: context.yieldToEventLoop },
  });
}

function named(reward: Reward): string {
  const names = rewardParts(reward, "").map(({ reward: one }) => {
    if (one.type === "grader") return `the grader ${one.grader.name}`;
    if (one.type === "ensemble") return `the ensemble of ${one.models.join(", ")}`;
    return one.type === "classifier" ? `the classifier ${one.model} (${one.label})` : `the reward model ${one.model}`;
  });
  return names.join(" + ");
}
