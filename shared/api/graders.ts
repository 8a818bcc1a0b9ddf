import { z } from "zod";
import { Grader } from "../graders/registry.ts";
import { LIMITS } from "../limits.ts";

export const RunGrader = z
  .strictObject({
    grader: Grader,
    model_sample: z.string().max(LIMITS.graderText).meta({
      description: "The text that is graded: `sample.output_text` of templates, and `sample.output_json` if it is JSON",
    }),
    item: z.unknown().optional().meta({ description: "What templates find under `item`; nulls in it stay" }),
  })
  .meta({ id: "RunGrader" });
export type RunGrader = z.infer<typeof RunGrader>;

export const ValidateGrader = z.strictObject({ grader: Grader }).meta({ id: "ValidateGrader" });

export const GraderValidation = z
  .strictObject({ grader: Grader.meta({ description: "The grader, as it was read" }) })
  .meta({ id: "GraderValidation" });

const flag = (description: string) => z.boolean().meta({ description });
const never = z.literal(false).meta({ description: "Never set here" });
const nothing = z.null().meta({ description: "Always null here" });

const errors = z
  .strictObject({
    formula_parse_error: never,
    sample_parse_error: flag("A template asks for the sample's JSON, and the sample is none"),
    truncated_observation_error: never,
    unresponsive_reward_error: never,
    invalid_variable_error: flag("A template asks for a part that the sample lacks"),
    other_error: flag("The formula's value is not finite"),
    python_grader_server_error: never,
    python_grader_server_error_type: nothing,
    python_grader_runtime_error: never,
    python_grader_runtime_error_details: nothing,
    model_grader_server_error: flag("A model could not answer"),
    model_grader_refusal_error: never,
    model_grader_parse_error: flag("A model's answer is no score within the range, or none of the labels"),
    model_grader_server_error_details: z.string().nullable(),
  })
  .meta({ description: "Whatever is set makes the reward 0. What is wrong with the request is refused instead" });

const usage = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  cached_tokens: z.int(),
  total_tokens: z.int(),
});

const scores = z.record(z.string(), z.number());

export const GraderRun = z
  .strictObject({
    reward: z.number(),
    sub_rewards: scores.meta({ description: "Of the graders of a multi, by their names" }),
    model_grader_token_usage_per_model: z.record(z.string(), usage),
    metadata: z.strictObject({
      name: z.string(),
      type: z.string(),
      execution_time: z.number().meta({ description: "Seconds" }),
      scores: scores.meta({ description: "The same as `sub_rewards`" }),
      token_usage: z.int().nullable().meta({ description: "Of all models together; null where none was asked" }),
      sampled_model_name: z
        .string()
        .nullable()
        .meta({ description: "The model that was asked, or the first of several" }),
      errors,
    }),
  })
  .meta({ id: "GraderRun" });
export type GraderRun = z.infer<typeof GraderRun>;
