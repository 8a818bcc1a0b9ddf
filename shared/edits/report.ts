/** `edit.json`, what a job of the type `edit` keeps for its owner: what was changed, how well it holds, and at what cost. */
import { z } from "zod";
import { EDIT_KINDS } from "./fact.ts";

export const EDIT_REPORT_FILE = "edit.json";
export const EDIT_METHODS = ["rome", "memit", "alphaedit"] as const;
export type EditMethod = (typeof EDIT_METHODS)[number];

const Share = z.number().min(0).max(1).nullable();

/** Shares from 0 to 1; null where nothing was asked. */
export const EditScores = z
  .strictObject({
    efficacy: Share.meta({ description: "Prompts that the new target follows" }),
    paraphrase: Share.meta({ description: "Paraphrases that the new target follows" }),
    neighbourhood: Share.meta({ description: "Neighbours that continue as on the unedited model" }),
    score: Share.meta({ description: "The harmonic mean of those of the three that were asked" }),
  })
  .meta({ id: "EditScores" });
export type EditScores = z.output<typeof EditScores>;

/**
 * - `edited`: the new target follows the prompt. - `failed`: it does not; `reason` says why. - `already_known`: it did before and
 * still does, so nothing was solved. - `skipped`: left out of the solve; `reason` says why.
 */
export const FACT_STATUSES = ["edited", "failed", "already_known", "skipped"] as const;

/** Where prompts for scoring come from. */
const PromptSource = z.strictObject({ source: z.enum(["given", "templates", "none"]), count: z.int().min(0) });

export const FactReport = z
  .strictObject({
    index: z.int().min(0),
    prompt: z.string(),
    subject: z.string(),
    target_new: z.string(),
    target_true: z.string().nullable(),
    kind: z.enum(EDIT_KINDS),
    status: z.enum(FACT_STATUSES),
    reason: z.string().nullable(),
    scores: EditScores.nullable().meta({ description: "Free-running: of the greedy text" }),
    teacher_forced: EditScores.nullable().meta({
      description:
        "Of probabilities under forced prefixes, as papers report: the new target against the true one, or every token of it likeliest",
    }),
    text: z.strictObject({ before: z.string(), after: z.string().nullable() }).meta({
      description: "What follows the prompt, greedily",
    }),
    probability: z.strictObject({ before: z.number(), after: z.number().nullable() }).meta({
      description: "Of the new target after the prompt",
    }),
    paraphrases: PromptSource,
    neighbours: PromptSource,
    value: z
      .strictObject({
        norm: z.number(),
        relative_norm: z.number(),
        steps: z.int(),
        loss: z.number(),
        scaled_by: z.number(),
        rounds: z.int().optional(),
      })
      .nullable()
      .meta({
        description: "The value that was found: its length, that length over the unedited one's, and what it took",
      }),
  })
  .meta({ id: "FactReport" });
export type FactReport = z.output<typeof FactReport>;

export const CONFLICT_KINDS = ["same_subject_and_relation", "contradicting_targets", "interfering_keys"] as const;

export const EditConflict = z
  .strictObject({
    kind: z.enum(CONFLICT_KINDS),
    fact: z.int().min(0).meta({ description: "The fact's place in the list" }),
    with: z
      .strictObject({ edit: z.string().nullable(), fact: z.int().min(0), prompt: z.string(), target_new: z.string() })
      .meta({ description: "An earlier edit's fact; `edit` is null for another fact of the same call" }),
    angle_degrees: z.number().nullable().meta({
      description: "Between both keys as the solve sees them; small angles interfere. null where it was not measured",
    }),
    message: z.string(),
  })
  .meta({ id: "EditConflict" });
export type EditConflict = z.output<typeof EditConflict>;

const LayerChange = z.strictObject({
  layer: z.int(),
  module: z.string(),
  rank: z.int(),
  /** Frobenius norm of the change, and over that of the weight. */
  norm: z.number(),
  relative_norm: z.number(),
  /** The share of the norm that was lost where the rank was limited. */
  lost: z.number(),
  /** Of the system that was solved; the largest over all batches. */
  condition: z.number(),
  residual: z.number(),
  jitter: z.number(),
});

const Seconds = z.strictObject({
  total: z.number(),
  statistics: z.number(),
  tracing: z.number(),
  values: z.number(),
  solve: z.number(),
  refine: z.number().default(0),
  scoring: z.number(),
});

export const EditReport = z
  .strictObject({
    format: z.literal("trimtab.edit/1"),
    method: z.enum(EDIT_METHODS),
    layers: z.array(z.int()),
    layers_from: z.enum(["request", "tracing", "default"]),
    norm_scaling: z.boolean(),
    published: z.boolean().meta({ description: "false: nothing held, or it was only checked" }),
    facts: z.array(FactReport),
    scores: EditScores.meta({ description: "Free-running, over all facts that were to be edited" }),
    teacher_forced: EditScores,
    fluency: z
      .strictObject({ before: z.number(), after: z.number() })
      .meta({ description: "Entropy of the bigrams and trigrams of greedy texts about the subjects, in bits" })
      .nullable(),
    base_loss: z
      .strictObject({ before: z.number(), after: z.number(), change: z.number(), tokens: z.int() })
      .meta({ description: "Mean loss on the base's texts in nats; `change` is relative" })
      .nullable(),
    changes: z.array(LayerChange),
    statistics: z.strictObject({
      source: z.enum(["corpus", "file", "sampled"]),
      tokens: z.int(),
      convergence: z.array(z.strictObject({ tokens: z.int(), change: z.number() })).meta({
        description:
          "How far C moved when its tokens doubled: the relative Frobenius norm, the largest over the layers",
      }),
    }),
    conflicts: z.array(EditConflict),
    seconds: Seconds,
  })
  .meta({ id: "EditReport" });
export type EditReport = z.output<typeof EditReport>;
