import { z } from "zod";
import { EditFact } from "../edits/fact.ts";
import { EDIT_METHODS, EditConflict, EditReport, EditScores, FactReport } from "../edits/report.ts";
import { LIMITS } from "../limits.ts";
import { EDIT_OPTION_DEFAULTS, EditMethodChoice, EditOptions } from "./edit-settings.ts";
import { deltaField, deltaWeight } from "./generate.ts";
import { Suffix } from "./ids.ts";
import { Metadata } from "./jobs.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { Wait } from "./wait.ts";

const fields = {
  model: z.string().min(1).max(300).meta({
    description: "A base, or a model with a delta, on which the facts are then solved; or an alias of one",
  }),
  deltas: deltaField.meta({
    description: "Deltas on which the facts are solved besides; served with `fine_tuned_model`",
  }),
  facts: z.array(EditFact).min(1).max(LIMITS.editFacts),
  options: EditOptions.default(EDIT_OPTION_DEFAULTS),
  statistics_file: z.string().min(1).max(64).optional().meta({
    description: "A file of texts over which the key statistics are taken; the base's own by default",
  }),
};

export const CreateEdit = z
  .strictObject({
    ...fields,
    method: EditMethodChoice.default("auto"),
    seed: z.int().min(0).max(2_147_483_647).optional(),
    suffix: Suffix.optional(),
    metadata: Metadata.optional(),
    wait: Wait.default(false),
  })
  .meta({ id: "CreateEdit" });
export type CreateEdit = z.output<typeof CreateEdit>;

export const CheckEdits = z.strictObject({ ...fields, wait: Wait.default(true) }).meta({ id: "CheckEdits" });
export type CheckEdits = z.output<typeof CheckEdits>;

export const MergeEdits = z
  .strictObject({
    edits: z
      .array(z.string().min(1).max(64))
      .min(2)
      .max(LIMITS.mergedEdits)
      .refine((ids) => new Set(ids).size === ids.length, "must not name an edit twice"),
    suffix: Suffix.optional(),
    metadata: Metadata.optional(),
  })
  .meta({ id: "MergeEdits" });
export type MergeEdits = z.output<typeof MergeEdits>;

export const EDIT_STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export const EditStatus = z.enum(EDIT_STATUSES).meta({ id: "EditStatus" });
export type EditStatus = z.infer<typeof EditStatus>;

const EditError = z.strictObject({ code: z.string(), message: z.string(), param: z.string().nullable() });

/** A fact of which nothing is known yet. */
export const WaitingFact = z
  .strictObject({
    ...FactReport.pick({ index: true, prompt: true, subject: true, target_new: true, target_true: true, kind: true })
      .shape,
    status: z.literal("waiting"),
  })
  .meta({ id: "WaitingFact" });
export type WaitingFact = z.infer<typeof WaitingFact>;

const summary = {
  id: z.string(),
  object: z.literal("edit"),
  created_at: z.int(),
  status: EditStatus,
  model: z.string().meta({ description: "As the request named it" }),
  base: z.string(),
  deltas: z.array(z.strictObject({ id: z.string(), weight: deltaWeight })).meta({
    description: "Those on which it was solved: of `model` and of `deltas`. `fine_tuned_model` serves them too",
  }),
  method: z.enum(["auto", ...EDIT_METHODS]).meta({ description: "The method that was used, once it has ended" }),
  job: z.string().nullable().meta({ description: "The job that solved it; null for merged edits" }),
  delta: z.string().nullable().meta({ description: "The edit alone, for `deltas`; null while nothing is published" }),
  fine_tuned_model: z.string().nullable().meta({ description: "Serves the base, `deltas` and the edit" }),
  merged_from: z.array(z.string()).optional().meta({ description: "The edits whose exact sum it is" }),
  scores: z
    .strictObject({
      ...EditScores.shape,
      fluency: z.number().nullable().meta({ description: "Of the edited model, in bits; see `fluency`" }),
      base_loss_change: z.number().nullable().meta({ description: "Relative change of the loss on the base's texts" }),
    })
    .nullable()
    .meta({ description: "Free-running, against the model without the edit; null while nothing was measured" }),
  teacher_forced: EditScores.nullable(),
  fluency: EditReport.shape.fluency,
  base_loss: EditReport.shape.base_loss,
  layers: z.array(z.int()).nullable(),
  layers_from: EditReport.shape.layers_from.nullable(),
  norm_scaling: z.boolean().nullable(),
  changes: EditReport.shape.changes,
  statistics: EditReport.shape.statistics.nullable(),
  seconds: EditReport.shape.seconds.nullable(),
  fact_counts: z.strictObject({
    total: z.int(),
    edited: z.int(),
    failed: z.int(),
    already_known: z.int(),
    skipped: z.int(),
  }),
  removal: z
    .strictObject({ fact: z.int(), job: z.string(), status: EditStatus, error: EditError.nullable() })
    .nullable()
    .meta({ description: "A fact that is being taken out, or could not be; the edit serves as it was meanwhile" }),
  metadata: z.record(z.string(), z.string()).nullable(),
  error: EditError.nullable(),
};

/** An edit in a list: without its facts. */
export const EditSummary = z.strictObject(summary).meta({ id: "EditSummary" });
export type EditSummary = z.infer<typeof EditSummary>;

export const Edit = z
  .strictObject({
    ...summary,
    facts: z.array(z.union([FactReport, WaitingFact])),
    conflicts: z.array(EditConflict),
  })
  .meta({ id: "Edit" });
export type Edit = z.infer<typeof Edit>;

export const EditList = listSchema(EditSummary).meta({ id: "EditList" });
export const EditListQuery = pageQuery().extend({
  model: z.string().min(1).max(300).optional().meta({ description: "Only edits of this base or model" }),
});

export const EditCheck = z
  .strictObject({
    object: z.literal("edit.check"),
    model: z.string(),
    conflicts: z.array(EditConflict),
    keys: z.enum(["compared", "not_compared"]).meta({
      description: "Whether a trainer compared the facts' keys within `wait`; without, only the texts were compared",
    }),
    error: EditError.nullable().meta({ description: "Why the keys were not compared, if the comparison failed" }),
  })
  .meta({ id: "EditCheck" });
export type EditCheck = z.infer<typeof EditCheck>;
