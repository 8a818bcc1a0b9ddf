/** The report that a sweep ends with: `report.json`, and what `report.html` shows. */
import { z } from "zod";
import { ShownFiles } from "./mixtures.ts";
import { BestTrial, ShownTrial, SweepAxis, SweepSettings } from "./sweeps.ts";

const AxisSummary = z.strictObject({
  path: SweepAxis.shape.path,
  groups: z.array(z.strictObject({ value: z.unknown(), trials: z.int(), best: z.number(), mean: z.number() })).meta({
    description: "The trials with a value of the metric, by what they set here; the first is the one with the best",
  }),
});

export const SweepReport = z
  .strictObject({
    object: z.literal("fine_tuning.sweep.report"),
    version: z.literal(1),
    model: z.string(),
    created_at: z.int(),
    seed: z.int(),
    training_file: z.string(),
    validation_file: z.string().nullable(),
    training_files: ShownFiles.training_files,
    validation_files: ShownFiles.validation_files,
    search: SweepSettings.shape.search,
    metric: z.string(),
    goal: SweepSettings.shape.goal,
    trials: z.array(ShownTrial),
    best: BestTrial.nullable(),
    axes: z.array(AxisSummary),
    curves: z
      .array(z.strictObject({ trial: z.int(), steps: z.array(z.int()), values: z.array(z.number()) }))
      .meta({ description: "What was measured of each trial while it ran" }),
  })
  .meta({ id: "SweepReport" });
export type SweepReport = z.infer<typeof SweepReport>;

/** The trials as a table for spreadsheets. */
export const TRIALS_CSV = "trials.csv";
