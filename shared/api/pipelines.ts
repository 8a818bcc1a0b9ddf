/**
 * Jobs of the type `pipeline`: stages that run one after the other, each a job of its own. A stage starts from the pipeline's
 * model or from an earlier stage's result, its settings may name an earlier stage's model as `stage:NAME` wherever they name a
 * model, and its gate decides from its metrics whether its result counts.
 */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { JobStatus } from "./job-status.ts";
import { Method, methodSchemas } from "./methods.ts";
import { SWEEP, SweepMethod } from "./sweeps.ts";

/** The type's name, which is also the field of its settings. */
export const PIPELINE = "pipeline";

const StageName = z
  .string()
  .min(1)
  .max(LIMITS.stageName)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, "must be letters, digits, `-` and `_`, and begin with a letter or a digit");

export const Gate = z
  .strictObject({
    metric: z.string().min(1).max(64).meta({
      description: "One of the stage's metrics: those that it ends with, and those of its last step",
    }),
    at_least: z.number().optional(),
    at_most: z.number().optional(),
    otherwise: z.enum(["stop", "fail", "continue"]).default("stop").meta({
      description:
        "If the metric is not within the bounds: `stop` ends the pipeline with what it had before this stage, `fail` fails it, `continue` goes on with a warning",
    }),
  })
  .superRefine(({ at_least: least, at_most: most }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (least === undefined && most === undefined)
      refuse("at_least", "is required, or `at_most`: a gate needs a bound");
    if (least !== undefined && most !== undefined && least > most)
      refuse("at_least", `is ${least}, above at_most, which is ${most}: this gate never passes`);
  })
  .meta({ id: "PipelineGate" });
export type Gate = z.infer<typeof Gate>;

const StageModel = z.union(
  [z.literal("base"), z.strictObject({ stage: StageName.meta({ description: "An earlier stage" }) })],
  { error: 'must be "base", for the pipeline\'s own model, or {"stage": the name of an earlier stage}' },
);

const stageFields = {
  name: StageName,
  training_file: z.string().min(1).max(64).optional().meta({ description: "The job's by default" }),
  validation_file: z.string().min(1).max(64).optional().meta({
    description: "The job's by default, for a stage without a `training_file` of its own",
  }),
  model: StageModel.optional().meta({
    description: 'What the stage starts from: "base", the default, is the `model` of the job',
  }),
  continue_with: z.enum(["merged_weights", "adapter"]).optional().meta({
    description: "How it continues from a tuned model; `merged_weights` by default",
  }),
  seed: z.int().min(0).max(2_147_483_647).optional().meta({ description: "The job's by default" }),
  gate: Gate.optional(),
};

/** A stage of a request; what a preset says of it can be left out. */
const StageRequest = z
  .strictObject({ ...stageFields, method: Method.optional().meta({ description: "Required unless a preset has it" }) })
  .meta({ id: "PipelineStage" });
export type StageRequest = z.infer<typeof StageRequest>;

/** The presets by name; `pipeline-presets.ts` says what they stand for. */
export const PRESET_NAMES = ["sft_dpo", "sft_rm_ppo", "iterated_dpo", "constitutional", "self_critique"] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

export const PipelineSettings = z
  .strictObject({
    preset: z
      .enum(PRESET_NAMES)
      .optional()
      .meta({ description: "Stages to begin with; `stages` changes them by name" }),
    rounds: z.int().min(1).max(LIMITS.pipelineStages).optional().meta({
      description: "Of `iterated_dpo` and `self_critique`: how many, each from the result before; 3 by default",
    }),
    stages: z.array(StageRequest).min(1).max(LIMITS.pipelineStages).optional(),
  })
  .superRefine(({ preset, stages, rounds }, context) => {
    const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
    if (rounds !== undefined && preset !== "iterated_dpo" && preset !== "self_critique") {
      refuse(["rounds"], "is for the presets iterated_dpo and self_critique alone; list the stages instead");
    }
    if (preset !== undefined) return;
    if (stages === undefined) refuse(["stages"], "is required, or `preset`");
    for (const [index, { method }] of (stages ?? []).entries()) {
      if (method === undefined) refuse(["stages", index, "method"], "is required");
    }
  });
export type PipelineSettings = z.infer<typeof PipelineSettings>;

export type PipelineMethod = { type: typeof PIPELINE; pipeline: PipelineSettings };

const PipelineMethod = z
  .strictObject({ type: z.literal(PIPELINE), pipeline: PipelineSettings })
  .meta({ id: "PipelineMethod" });

/** The method of a job: one that a trainer runs, a pipeline of them, or a sweep over its settings. */
export type JobMethod = Method | PipelineMethod | SweepMethod;
export const JobMethod = z
  .discriminatedUnion("type", [PipelineMethod, SweepMethod, ...methodSchemas] as unknown as [typeof PipelineMethod])
  .meta({ id: "JobMethod" }) as unknown as z.ZodType<JobMethod>;

/** A stage with everything that a preset says filled in. */
export type Stage = Omit<StageRequest, "method"> & { readonly method: Method };

/** A pipeline whose stages are complete. */
export interface Pipeline extends Omit<PipelineSettings, "stages"> {
  readonly stages: readonly Stage[];
}

export function isPipeline(method: JobMethod): method is PipelineMethod {
  return method.type === PIPELINE;
}

export function isSweep(method: JobMethod): method is SweepMethod {
  return method.type === SWEEP;
}

/** Whether a trainer runs the job itself. The others have jobs of their own run. */
export function isTrained(method: JobMethod): method is Method {
  return !isPipeline(method) && !isSweep(method);
}

/** The path of a stage in a request: `method.pipeline.stages[1]`. */
export function stagePath(index: number): string {
  return `method.${PIPELINE}.stages[${index}]`;
}

/** A stage's place, which the job that runs it shows. */
export const PipelinePlace = z.strictObject({ job: z.string(), stage: z.string() }).meta({ id: "PipelinePlace" });
export type PipelinePlace = z.infer<typeof PipelinePlace>;

/** How a gate was met. */
export const GateOutcome = z
  .strictObject({ metric: z.string(), value: z.number(), passed: z.boolean() })
  .meta({ id: "PipelineGateOutcome" });
export type GateOutcome = z.infer<typeof GateOutcome>;

export const ShownStage = z
  .strictObject({
    name: z.string(),
    type: z.string(),
    status: z
      .union([JobStatus, z.enum(["waiting", "skipped"])])
      .meta({ description: "Of its job; `waiting` before it has one, `skipped` if it never had" }),
    job: z.string().nullable().meta({ description: "The job that runs the stage" }),
    fine_tuned_model: z.string().nullable(),
    metrics: z.record(z.string(), z.number()).nullable(),
    gate: GateOutcome.nullable(),
  })
  .meta({ id: "PipelineStageState" });
export type ShownStage = z.infer<typeof ShownStage>;
