import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { SteeringObject } from "./steering.ts";
import { PresetReference } from "./steering-presets.ts";

const modelName = z.string().min(1).max(300);

const gridValue = z.union([z.number(), z.string().max(512), z.boolean()]);
export type GridValue = z.infer<typeof gridValue>;

/** How a text's effect is measured: a number for each text, of which the reply has the means. */
export const SweepEffect = z
  .union([
    z
      .strictObject({ classifier: z.strictObject({ id: modelName, label: z.string().min(1).max(256) }) })
      .meta({ description: "The probability that a classifier gives to a label" }),
    z.strictObject({ scorer: z.string().min(1).max(64) }).meta({ description: "What a registered scorer gives" }),
    z
      .strictObject({ phrases: z.array(z.string().min(1).max(256)).min(1).max(64) })
      .meta({ description: "1 for a text that has one of the phrases, whatever its case, and otherwise 0" }),
  ])
  .meta({ id: "SteeringSweepEffect" });
export type SweepEffect = z.infer<typeof SweepEffect>;

export const CreateSweep = z
  .strictObject({
    model: modelName,
    prompts: z.array(z.string().min(1).max(LIMITS.sweepPromptLength)).min(1).max(LIMITS.sweepPrompts),
    steering: z.union([PresetReference, SteeringObject]).meta({
      description: "A preset's name, or an object: where each cell of the grid begins",
    }),
    grid: z
      .record(z.string().min(1).max(128), z.array(gridValue).min(1).max(LIMITS.sweepValues))
      .refine((grid) => Object.keys(grid).length > 0, "must have a path, such as `classifier.0.strength`")
      .refine((grid) => Object.keys(grid).length <= LIMITS.sweepPaths, `must have at most ${LIMITS.sweepPaths} paths`)
      .meta({
        description: "Values by the path in `steering` that takes them; every combination is a cell",
        example: { "classifier.0.strength": [0, 1, 2, 4] },
      }),
    effect: SweepEffect.optional().meta({
      description: "What counts as the effect; by default the first classifier of `steering` and its label",
    }),
    baselines: z
      .strictObject({
        prompt: z
          .string()
          .min(1)
          .max(LIMITS.sweepPromptLength)
          .optional()
          .meta({ description: "A system message that asks for the same, without steering" }),
        model: modelName.optional().meta({ description: "A model that was fine-tuned for the same, without steering" }),
      })
      .optional()
      .meta({ description: "Stand beside the grid, with the model as it is" }),
    n: z.int().min(1).max(LIMITS.choices).default(1).meta({ description: "Texts for each prompt" }),
    max_tokens: z.int().min(1).max(LIMITS.sweepLength).default(64),
    temperature: z.number().min(0).max(2).default(1),
    seed: z.int().min(0).max(2_147_483_647).default(0),
  })
  .meta({ id: "CreateSteeringSweep" });
export type CreateSweep = z.infer<typeof CreateSweep>;

const interval = z
  .strictObject({
    value: z.number(),
    low: z.number().nullable(),
    high: z.number().nullable().meta({ description: "The ends of the 95% interval; null with a single prompt" }),
  })
  .meta({ id: "SteeringSweepInterval" });
export type Interval = z.infer<typeof interval>;

const share = z.number().min(0).max(1).nullable();

/** What the texts of one cell or baseline are like. */
export const SweepStatistics = z
  .strictObject({
    texts: z.int(),
    tokens: z.int(),
    effect: interval,
    base_perplexity: interval
      .nullable()
      .meta({ description: "Of the texts under the base model without steering; null if there are no tokens" }),
    perplexity_ratio: z.number().nullable().meta({ description: "Relative to the model as it is" }),
    distinct_1: share,
    distinct_2: share,
    distinct_3: share.meta({ description: "Different runs of 3 tokens, as a share of all of them in all texts" }),
    repetition: share.meta({
      description: "The share of a text's runs of 4 tokens that it has said before, on average",
    }),
    length: z.number().meta({ description: "Tokens of a text, on average" }),
    examples: z.array(z.string()).max(LIMITS.sweepExamples),
  })
  .meta({ id: "SteeringSweepStatistics" });
export type SweepStatistics = z.infer<typeof SweepStatistics>;

export const Sweep = z
  .strictObject({
    object: z.literal("steering.sweep"),
    model: z.string(),
    effect: SweepEffect,
    seed: z.int(),
    cells: z.array(
      z.strictObject({ number: z.int(), grid: z.record(z.string(), gridValue), statistics: SweepStatistics }),
    ),
    baselines: z.array(
      z.strictObject({ kind: z.enum(["plain", "prompt", "model"]), name: z.string(), statistics: SweepStatistics }),
    ),
    svg: z.string().meta({ description: "Effect against base perplexity, a dot for each cell and baseline" }),
    usage: z.strictObject({
      prompt_tokens: z.int(),
      completion_tokens: z.int(),
      total_tokens: z.int(),
      steering_tokens: z.int(),
    }),
  })
  .meta({ id: "SteeringSweep" });
export type Sweep = z.infer<typeof Sweep>;
