/**
 * Jobs of the type `sweep`: trials of one method with different settings, each a job of its own, compared by one metric. An axis
 * names a setting and the values to try; the search says which combinations of them become trials.
 */
import { z } from "zod";
import { canonicalJson } from "../formats/digest.ts";
import { LIMITS } from "../limits.ts";
import { JobStatus } from "./job-status.ts";

/** The type's name, which is also the field of its settings. */
export const SWEEP = "sweep";

/** The metric of a request that names none: the loss on the validation file, in nats. */
export const VALIDATION_LOSS = "valid_loss";

const PATH = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d{1,3}\])*$/;
const FORBIDDEN = /(?:^|\.)(?:__proto__|constructor|prototype)(?:$|[.[])/;

const SettingPath = z
  .string()
  .max(200)
  .regex(PATH, "must be names joined by dots, such as hyperparameters.learning_rate or peft[0].r")
  .refine((path) => !FORBIDDEN.test(path), "must not have a part that no object of settings has")
  .meta({
    description:
      "A setting of the method, such as `hyperparameters.learning_rate` or `peft.r`; `method` for whole methods; or a field of the job: `model`, `training_file`, `validation_file`, `seed`",
  });

export const SweepAxis = z
  .strictObject({
    path: SettingPath,
    values: z
      .array(z.unknown())
      .min(1, "must have at least one value")
      .max(LIMITS.trialValues)
      .optional()
      .meta({ description: "What to try, of any type that the setting takes" }),
    min: z.number().optional(),
    max: z.number().optional(),
    scale: z.enum(["linear", "log"]).optional().meta({ description: "How a range is drawn from; `linear` by default" }),
    integer: z.boolean().optional().meta({ description: "Whether numbers of a range are rounded to whole ones" }),
    steps: z.int().min(2).max(LIMITS.trialValues).optional().meta({
      description: "In a grid: how many numbers of the range are tried, both ends among them",
    }),
  })
  .superRefine((axis, context) => {
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: [field], message: `${message}` });
    const { values, min, max, scale } = axis;
    if (values !== undefined) {
      const extra = (["min", "max", "scale", "integer", "steps"] as const).find((field) => axis[field] !== undefined);
      if (extra !== undefined) return refuse(extra, "is of a range, and the axis has `values`: send one of them");
      const texts = values.map(canonicalJson);
      const again = texts.findIndex((text, index) => texts.indexOf(text) < index);
      if (again >= 0) refuse(`values[${again}]`, `is ${texts[again]!.slice(0, 60)} a second time: remove it`);
      return;
    }
    if (min === undefined && max === undefined) return refuse("values", "is required, or a range of `min` and `max`");
    if (min === undefined) return refuse("min", "is required beside `max`");
    if (max === undefined) return refuse("max", "is required beside `min`");
    if (min >= max) return refuse("max", `is ${max}, which is not above \`min\`, ${min}`);
    if (scale === "log" && min <= 0) return refuse("min", "must be above 0 on a logarithmic scale");
    if (axis.integer === true && Math.ceil(min) > Math.floor(max)) refuse("max", "leaves no whole number in the range");
  })
  .meta({ id: "SweepAxis" });
export type SweepAxis = z.infer<typeof SweepAxis>;

export const SweepSettings = z
  .strictObject({
    method: z
      .looseObject({ type: z.string().min(1).max(64) })
      .optional()
      .meta({
        description:
          "What every trial has in common: a method as a job has it, of any type. It may leave out what the axes set; with an axis `method` it is left out",
      }),
    axes: z.array(SweepAxis).min(1).max(LIMITS.trialAxes),
    search: z.enum(["grid", "random", "halving"]).default("grid").meta({
      description:
        "`grid`: every combination; `random`: as many as `trials` says, drawn by the job's seed; `halving`: all begin, and at each rung the best share goes on",
    }),
    trials: z.int().min(1).max(LIMITS.trials).optional().meta({
      description:
        "How many combinations are drawn; required by `random`. With `halving`: of every combination if left out",
    }),
    parallel: z.int().min(1).max(LIMITS.parallelTrials).default(4).meta({
      description: "How many trials are queued or running at a time",
    }),
    metric: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[^"\\]+$/, "must not have quotes or backslashes")
      .default(VALIDATION_LOSS)
      .meta({ description: "What trials are compared by; the loss on the validation file by default" }),
    goal: z.enum(["minimize", "maximize"]).default("minimize"),
    halving: z
      .strictObject({
        min_steps: z.int().min(1).max(1_000_000).meta({ description: "Steps that every trial takes" }),
        max_steps: z.int().min(2).max(1_000_000).meta({ description: "Steps of those that go all the way" }),
        eta: z.number().gt(1).max(16).default(3).meta({
          description: "At each rung one in `eta` goes on, to `eta` times as many steps",
        }),
      })
      .optional(),
    prune: z
      .strictObject({
        rule: z.literal("median"),
        min_steps: z
          .int()
          .min(0)
          .max(1_000_000)
          .default(0)
          .meta({ description: "Steps before which no trial is stopped" }),
        min_trials: z.int().min(1).max(LIMITS.trials).default(3).meta({
          description: "Other trials that must have come as far",
        }),
      })
      .optional()
      .meta({
        description:
          "Stops a trial whose best value so far is worse than the median of the others' best at the same number of steps",
      }),
    keep: z.enum(["best", "all"]).default("best").meta({
      description: "Which trials' models stay when the sweep has succeeded",
    }),
  })
  .superRefine((settings, context) => {
    const { method, axes, search, trials, halving, prune } = settings;
    const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
    const paths = axes.map(({ path }) => path);
    for (const [index, path] of paths.entries()) {
      if (paths.indexOf(path) < index)
        refuse(["axes", index, "path"], `is ${path}, as of an earlier axis: join their values`);
    }
    const wholeMethods = paths.indexOf("method");
    if (wholeMethods < 0 && method === undefined) refuse(["method"], "is required, or an axis with the path `method`");
    if (wholeMethods >= 0 && method !== undefined)
      refuse(["axes", wholeMethods, "path"], "is `method`, and the sweep has a `method`: send one of them");
    for (const [index, axis] of axes.entries()) {
      if (search === "grid" || (search === "halving" && trials === undefined)) {
        if (axis.values === undefined && axis.steps === undefined)
          refuse(["axes", index, "steps"], "is required of a range in a grid; or choose the search `random`");
      } else if (axis.steps !== undefined) {
        refuse(["axes", index, "steps"], "is of a grid, and here the numbers are drawn: leave it out");
      }
    }
    if (search === "grid" && trials !== undefined)
      refuse(["trials"], "is of the search `random`: a grid has every combination");
    if (search === "random" && trials === undefined) refuse(["trials"], "is required by the search `random`");
    if (search !== "halving") {
      if (halving !== undefined) refuse(["halving"], "is of the search `halving`: leave it out, or choose that search");
      return;
    }
    if (halving === undefined) return refuse(["halving"], "is required by the search `halving`");
    if (halving.min_steps >= halving.max_steps)
      refuse(
        ["halving", "max_steps"],
        `is ${halving.max_steps}, which is not above \`min_steps\`, ${halving.min_steps}`,
      );
    if (prune !== undefined) refuse(["prune"], "is of the other searches: halving stops trials at its rungs");
    const steps = paths.findIndex((path) => STEPS.test(path));
    if (steps >= 0) refuse(["axes", steps, "path"], `is ${paths[steps]}, which the search \`halving\` sets itself`);
  });
export type SweepSettings = z.infer<typeof SweepSettings>;

/** Settings that say how long a trial is, which halving does. */
const STEPS = /^hyperparameters\.(?:max_steps|n_epochs)$/;

export type SweepMethod = { type: typeof SWEEP; sweep: SweepSettings };
export const SweepMethod = z.strictObject({ type: z.literal(SWEEP), sweep: SweepSettings }).meta({ id: "SweepMethod" });

/** The path of a sweep's settings in a request. */
export const SWEEP_PATH = `method.${SWEEP}`;

/** A trial's place, which the job that runs it shows. */
export const SweepPlace = z.strictObject({ job: z.string(), trial: z.int() }).meta({ id: "SweepPlace" });
export type SweepPlace = z.infer<typeof SweepPlace>;

/** What has become of a trial. */
export const TrialStatus = z.union([JobStatus, z.enum(["waiting", "pruned", "skipped"])]);
export type TrialStatus = z.infer<typeof TrialStatus>;

export const ShownTrial = z
  .strictObject({
    trial: z.int().meta({ description: "Its number, from 1" }),
    settings: z.record(z.string(), z.unknown()).meta({ description: "The value of each axis, by its path" }),
    status: TrialStatus.meta({
      description:
        "Of its job; `waiting` before it has one, and at a rung; `pruned` if it was stopped for its value, `skipped` if it never had a job",
    }),
    job: z.string().nullable(),
    rung: z
      .int()
      .optional()
      .meta({ description: "Of successive halving: the rung that it has been admitted to, from 1" }),
    steps: z.int().nullable().meta({ description: "The last step that was measured" }),
    value: z.number().nullable().meta({ description: "Of the sweep's metric, as it was measured last" }),
    metrics: z.record(z.string(), z.number()).nullable().meta({ description: "What its job ended with" }),
    fine_tuned_model: z.string().nullable().meta({ description: "null before it is made, and once it was deleted" }),
    reason: z.string().nullable().meta({ description: "Why it was pruned, failed or skipped" }),
  })
  .meta({ id: "SweepTrial" });
export type ShownTrial = z.infer<typeof ShownTrial>;

export const BestTrial = z
  .strictObject({ trial: z.int(), job: z.string(), model: z.string().nullable(), value: z.number() })
  .meta({ id: "SweepBest" });
export type BestTrial = z.infer<typeof BestTrial>;
