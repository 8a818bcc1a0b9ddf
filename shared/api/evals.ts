/** `/v1/evals`, as OpenAI's SDK types it, and what this server adds: suites. */
import { z } from "zod";
import { PartGrader } from "../graders/parts.ts";
import { LIMITS } from "../limits.ts";
import { Metadata } from "./jobs.ts";
import { listSchema, pageQuery } from "./lists.ts";

const jsonObject = z.record(z.string(), z.unknown());

/** A grader, with a threshold where OpenAI's evals need one. */
const Criterion = PartGrader.superRefine((criterion, context) => {
  if (criterion.type !== "text_similarity" || criterion.pass_threshold !== undefined) return;
  context.addIssue({
    code: "custom",
    path: ["pass_threshold"],
    message: "is required: the score from which on a text passes",
  });
}).meta({ id: "EvalCriterion", description: "A grader; `pass_threshold` is the score from which on it passes" });

const DataSourceConfig = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("custom"),
      item_schema: jsonObject.meta({ description: "The JSON schema of each item" }),
      include_sample_schema: z.boolean().optional().meta({
        description:
          "Whether there are samples, so that templates may name `sample.…`; runs then have a model write them, or bring them",
      }),
    }),
    z.strictObject({ type: z.literal("logs"), metadata: Metadata.optional() }),
    z.strictObject({ type: z.literal("stored_completions"), metadata: Metadata.optional() }),
  ])
  .meta({ id: "EvalDataSourceConfigRequest" });
export type DataSourceConfig = z.infer<typeof DataSourceConfig>;

const name = z.string().max(LIMITS.evalName);

export const CreateEval = z
  .strictObject({
    name: name.optional(),
    metadata: Metadata.optional(),
    data_source_config: DataSourceConfig.optional().meta({ description: "Required unless there is a suite" }),
    testing_criteria: z
      .array(Criterion)
      .min(1)
      .max(LIMITS.evalCriteria)
      .optional()
      .meta({ description: "Required unless there is a suite" }),
    suite: z
      .string()
      .max(64)
      .optional()
      .meta({ description: "A suite of this server by its name, in place of a data source and criteria" }),
  })
  .superRefine(({ data_source_config: config, testing_criteria: criteria, suite }, context) => {
    for (const [field, value] of Object.entries({ data_source_config: config, testing_criteria: criteria })) {
      if ((value === undefined) === (suite !== undefined)) continue;
      const message =
        suite === undefined
          ? "is required, unless `suite` names one of GET /v1/evals/suites"
          : "must be left out: the suite has its own";
      context.addIssue({ code: "custom", path: [field], message });
    }
  })
  .meta({ id: "CreateEval" });
export type CreateEval = z.infer<typeof CreateEval>;

export const UpdateEval = z
  .strictObject({ name: name.optional(), metadata: Metadata.nullable().optional() })
  .meta({ id: "UpdateEval" });
export type UpdateEval = z.infer<typeof UpdateEval>;

const shownSchema = jsonObject.meta({ description: "The JSON schema of `item`, and of `sample` where there is one" });

export const Eval = z
  .strictObject({
    id: z.string(),
    object: z.literal("eval"),
    name: z.string(),
    created_at: z.int(),
    data_source_config: z.discriminatedUnion("type", [
      z.strictObject({ type: z.literal("custom"), schema: shownSchema }),
      z.strictObject({ type: z.literal("logs"), schema: shownSchema, metadata: Metadata.nullable() }),
      z.strictObject({ type: z.literal("stored_completions"), schema: shownSchema, metadata: Metadata.nullable() }),
    ]),
    testing_criteria: z.array(z.looseObject({ type: z.string(), name: z.string() })),
    metadata: Metadata.nullable(),
    suite: z.string().optional().meta({ description: "The suite that it runs, if it is of one" }),
  })
  .meta({ id: "Eval" });
export type Eval = z.infer<typeof Eval>;

export const EvalList = listSchema(Eval).meta({ id: "EvalList" });
export const EvalListQuery = pageQuery().extend({
  order: z.enum(["asc", "desc"]).default("asc"),
  order_by: z.enum(["created_at", "updated_at"]).default("created_at"),
});
export type EvalPage = z.infer<typeof EvalListQuery>;

export const DeletedEval = z
  .strictObject({ object: z.literal("eval.deleted"), deleted: z.literal(true), eval_id: z.string() })
  .meta({ id: "DeletedEval" });

export const EvalSuites = z
  .strictObject({
    object: z.literal("list"),
    data: z.array(
      z.strictObject({
        name: z.string(),
        object: z.literal("eval.suite"),
        title: z.string(),
        description: z.string(),
        mode: z.enum(["generate", "choose"]),
        scores: z.record(z.string(), z.string()).meta({ description: "What each score means" }),
      }),
    ),
  })
  .meta({ id: "EvalSuiteList" });
