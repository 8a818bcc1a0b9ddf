/** What a job that learns from preferences or rewards is asked about the report at its end. */
import { z } from "zod";
import { checkGrader, Grader, modelsOf } from "../graders/registry.ts";
import { LIMITS } from "../limits.ts";
import {
  checkReward,
  modelsAskedForReward,
  modelsOfReward,
  Reward,
  type RewardPart,
  rewardParts,
} from "./reward-settings.ts";

export const ReportSettings = z
  .strictObject({
    enabled: z.boolean().default(true),
    prompts: z.int().min(1).max(LIMITS.reportPrompts).default(32).meta({
      description:
        "Prompts of the validation file that both models answer; each part of the report asks at most twice as many",
    }),
    samples: z
      .int()
      .min(1)
      .max(LIMITS.reportSamples)
      .default(1)
      .meta({ description: "Replies to each of them, at temperature 1" }),
    max_tokens: z.int().min(1).max(LIMITS.reportTokens).default(64).meta({ description: "Of each reply" }),
    judge: z.union([Grader, Reward]).optional().meta({
      description:
        "Scores both models' replies for the win rate: a grader, to which {{item.…}} is the line that the prompt is from, or a reward",
    }),
  })
  .meta({ id: "ReportSettings" });
export type ReportSettings = z.infer<typeof ReportSettings>;

export const REPORT_DEFAULTS: ReportSettings = ReportSettings.parse({});

/** The field of settings; left out, it stands for `REPORT_DEFAULTS`. */
export const reportField = ReportSettings.optional().meta({
  description: "The report that the job ends with; made with the defaults if left out",
});

export interface WithReport {
  readonly report?: ReportSettings | undefined;
}

const FIELD = "report.judge";
type JudgeSetting = NonNullable<ReportSettings["judge"]>;
const REWARDS: ReadonlySet<string> = new Set(["reward_model", "ensemble", "classifier", "grader"]);

/** Whether a judge is a grader by itself. */
export function isGrader(judge: JudgeSetting): judge is Grader {
  return !Array.isArray(judge) && !REWARDS.has((judge as { readonly type: string }).type);
}

function judgeOf({ report }: WithReport): JudgeSetting | undefined {
  return report?.enabled === true ? report.judge : undefined;
}

function partsOf(settings: WithReport): RewardPart[] {
  const judge = judgeOf(settings);
  return judge === undefined || isGrader(judge) ? [] : rewardParts(judge, FIELD);
}

/** The deltas that the report's judge names. */
export function modelsOfReport(settings: WithReport) {
  return modelsOfReward(partsOf(settings));
}

/** The models that the report's judge asks. */
export function modelsAskedForReport(settings: WithReport): { readonly name: string; readonly param: string }[] {
  const judge = judgeOf(settings);
  if (judge === undefined || !isGrader(judge)) return modelsAskedForReward(partsOf(settings));
  return modelsOf(judge, FIELD).map(({ model, param }) => ({ name: model, param }));
}

/** Throws `invalid_request`, with a field under `path`, for a judge that can grade nothing. */
export function checkReport(settings: WithReport, path: string): void {
  const judge = settings.report?.judge;
  if (judge === undefined) return;
  if (isGrader(judge)) checkGrader(judge, `${path}.${FIELD}`);
  else checkReward(rewardParts(judge, FIELD), path);
}

/** What a row of `JOB_TYPES` has besides its settings if its jobs end with a report and name no other models. */
export const REPORTED = {
  models: modelsOfReport,
  asks: modelsAskedForReport,
  check: (settings: WithReport, _: unknown, path: string) => checkReport(settings, path),
};
