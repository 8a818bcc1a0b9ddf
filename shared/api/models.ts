import { z } from "zod";
import { Digest } from "./ids.ts";
import { listSchema, pageQuery } from "./lists.ts";

/** Whether the base that a model or delta was made for can be used. */
export const BaseStatus = z.enum(["available", "deleted", "replaced"]).meta({
  id: "BaseStatus",
  description:
    "Whether its base can be used: `deleted` until the same base is added again, `replaced` while another model has the base's id",
});
export type BaseStatus = z.infer<typeof BaseStatus>;

export const Model = z
  .strictObject({
    id: z.string(),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.string(),
    root: z.string().meta({ description: "The base model" }),
    parent: z.string().nullable().meta({ description: "The model that it was made from; null for a base" }),
    base_status: BaseStatus,
    context_length: z
      .int()
      .nullable()
      .meta({ description: "The most tokens of prompt and reply together; null if the base cannot be read" }),
    max_model_len: z.int().nullable().meta({ description: "The same, under vLLM's name" }),
    labels: z.array(z.string()).optional().meta({ description: "Of a classifier or a reward model: what it scores" }),
    on_top_of: z
      .array(z.strictObject({ id: z.string(), weight: z.number() }))
      .optional()
      .meta({ description: "The deltas that it serves beneath its own: those on which an edit was solved" }),
    alias_of: z.string().optional().meta({ description: "Of an alias: the model that it points to" }),
  })
  .meta({ id: "Model" });
export type Model = z.infer<typeof Model>;

/** The length of a model's context under both of its names. */
export function contextFields(length: number | null): Pick<Model, "context_length" | "max_model_len"> {
  return { context_length: length, max_model_len: length };
}

export const ModelList = listSchema(Model).meta({ id: "ModelList" });

export const Delta = z
  .strictObject({
    id: z.string(),
    object: z.literal("delta"),
    created_at: z.int(),
    model: z.string().meta({ description: "The base model that it changes" }),
    base_digest: Digest,
    base_status: BaseStatus,
    digest: Digest.meta({
      description: "The digest of the folder; `manifest.json` has the digest of the serving form",
    }),
    bytes: z.int(),
    methods: z.array(z.string()).meta({ description: "The methods that made it, in the order of its adapters" }),
    labels: z.array(z.string()).optional().meta({ description: "Of a classifier or a reward model: what it scores" }),
    modes: z
      .array(z.string())
      .optional()
      .meta({ description: "Of a classifier: the ways in which it can guide a generation" }),
    trainable_parameters: z.int(),
    metrics: z.record(z.string(), z.number()),
    parents: z.array(Digest).meta({ description: "The digests of the deltas that it was made from" }),
    fine_tuning_job_id: z.string().nullable().meta({ description: "null if no job made it" }),
    models: z.array(z.string()).meta({ description: "The names of the models that use this delta" }),
    ignored_files: z
      .array(z.string())
      .optional()
      .meta({ description: "After an upload: the files of the folder that were not read" }),
  })
  .meta({ id: "Delta" });
export type Delta = z.infer<typeof Delta>;

export const DeltaList = listSchema(Delta).meta({ id: "DeltaList" });
export const DeltaListQuery = pageQuery();
