/** How a job changed what evals measure: runs on the model that it started from, and on the one that it made. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ReportCompared } from "./job-report.ts";

export const RequestedEvals = z
  .strictObject({
    before_after: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(LIMITS.jobEvals)
      .refine((names) => new Set(names).size === names.length, "must not name an eval twice")
      .meta({
        description:
          "Evals by their ids, each of which is run as its last run with a model was; and suites by their names. Each is run on the model that the job starts from and on its result",
      }),
  })
  .meta({ id: "RequestedJobEvals" });

export const JobEval = z
  .strictObject({
    eval_id: z.string(),
    name: z.string(),
    suite: z.string().optional(),
    status: z.enum(["waiting", "completed", "failed"]),
    before_run: z.string().nullable().meta({ description: "On the model that the job started from" }),
    after_run: z.string().nullable().meta({ description: "On the model that it made; null until there is one" }),
    error: z.string().nullable().meta({ description: "Why there is no comparison, where it has failed" }),
    pass_rate: ReportCompared.nullable().meta({
      description: "The share of items that pass, of those that both runs could judge",
    }),
    criteria: z
      .array(z.strictObject({ testing_criteria: z.string(), pass_rate: ReportCompared, score: ReportCompared }))
      .meta({ description: "The same by criterion, with the means of their scores" }),
    scores: z
      .record(z.string(), ReportCompared.nullable())
      .optional()
      .meta({ description: "Of a suite, by its names" }),
  })
  .meta({
    id: "FineTuningJobEval",
    description: "Intervals are of 95 %, and those of changes are of the same items, in pairs",
  });
export type JobEval = z.infer<typeof JobEval>;
