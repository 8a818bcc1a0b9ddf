/** What a job that learns from preferences or rewards is asked about the report at its end. */
import { z } from "zod";
import { checkGrader, Grader, modelsOf } from "../graders/registry.ts";
import { LIMITS } from "../limits.ts";

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
    judge: Grader.optional().meta({
      description: "Scores both models' replies for the win rate; {{item.…}} is the line that the prompt is from",
    }),
  })
  .meta({ id: "ReportSettings" });
export type ReportSettings = z.infer<typeof ReportSettings>;

export const REPORT_DEFAULTS: ReportSettings = ReportSettings.parse({});

/** The field of settings; left out, it stands for `REPORT_DEFAULTS`. */
export const reportField = ReportSettings.optional().meta({
  description: "The report that the job ends with; made with the defaults if left out",
});

/** Settings with the field. */
export interface Reported {
  readonly report?: ReportSettings | undefined;
}

/** The models that the report's judge asks. */
export function modelsOfReport({ report }: Reported): { readonly name: string; readonly param: string }[] {
  if (report?.judge === undefined || !report.enabled) return [];
  return modelsOf(report.judge, "report.judge").map(({ model, param }) => ({ name: model, param }));
}

/** Throws `invalid_request`, with a field under `path`, for a judge that can grade nothing. */
export function checkReport({ report }: Reported, path: string): void {
  if (report?.judge !== undefined) checkGrader(report.judge, `${path}.report.judge`);
}
