import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { StoredFile } from "./artefacts.ts";
import { BaseId, Digest, TenantId } from "./ids.ts";
import { listSchema, pageQuery } from "./lists.ts";

export const CreateTenant = z
  .strictObject({
    id: TenantId,
    requests_per_minute: z.int().min(1).max(1_000_000).optional(),
    tokens_per_minute: z.int().min(1).max(1_000_000_000).optional(),
    max_queued_jobs: z
      .int()
      .min(1)
      .max(LIMITS.queuedJobs)
      .optional()
      .meta({ description: "Jobs that may wait for a trainer at a time" }),
    max_running_jobs: z
      .int()
      .min(1)
      .max(LIMITS.runningJobs)
      .optional()
      .meta({ description: "Jobs of one lane that may run at a time" }),
  })
  .meta({ id: "CreateTenant" });
export type CreateTenant = z.infer<typeof CreateTenant>;

/** Limits that are left out stay as they are. */
export const ChangeTenant = z
  .strictObject({
    requests_per_minute: CreateTenant.shape.requests_per_minute.nullish(),
    tokens_per_minute: CreateTenant.shape.tokens_per_minute.nullish(),
    max_queued_jobs: CreateTenant.shape.max_queued_jobs.nullish(),
    max_running_jobs: CreateTenant.shape.max_running_jobs.nullish(),
  })
  .meta({ id: "ChangeTenant" });
export type ChangeTenant = z.infer<typeof ChangeTenant>;

export const Tenant = z
  .strictObject({
    id: TenantId,
    object: z.literal("tenant"),
    created_at: z.int(),
    requests_per_minute: z.int(),
    tokens_per_minute: z.int(),
    max_queued_jobs: z.int(),
    max_running_jobs: z.int(),
  })
  .meta({ id: "Tenant" });
export type Tenant = z.infer<typeof Tenant>;

export const TenantSummary = z
  .strictObject({ id: TenantId, object: z.literal("tenant"), created_at: z.int() })
  .meta({ id: "TenantSummary" });
export type TenantSummary = z.infer<typeof TenantSummary>;
export const TenantList = listSchema(TenantSummary).meta({ id: "TenantList" });
export const TenantListQuery = pageQuery();

export const CreateKey = z.strictObject({ name: z.string().max(64).optional() }).meta({ id: "CreateKey" });
export type CreateKey = z.infer<typeof CreateKey>;

export const Key = z
  .strictObject({
    id: z.string(),
    object: z.literal("key"),
    name: z.string().nullable(),
    created_at: z.int(),
    hint: z.string().meta({ description: "The secret's last four characters" }),
  })
  .meta({ id: "Key" });
export type Key = z.infer<typeof Key>;
export const KeyList = listSchema(Key).meta({ id: "KeyList" });

/** The only response that contains the secret; the server stores only its hash. */
export const NewKey = z.strictObject({ ...Key.shape, key: z.string() }).meta({ id: "NewKey" });
export type NewKey = z.infer<typeof NewKey>;

export const CreateBase = z
  .strictObject({ id: BaseId, files: z.array(StoredFile).min(1).max(LIMITS.modelFiles) })
  .meta({ id: "CreateBaseModel" });
export type CreateBase = z.infer<typeof CreateBase>;

export const BaseModel = z
  .strictObject({
    id: BaseId,
    object: z.literal("base_model"),
    created_at: z.int(),
    digest: Digest,
    status: z.enum(["pending", "ready"]),
    files: z.array(z.strictObject({ ...StoredFile.shape, uploaded: z.boolean() })),
    notes: z
      .array(z.string())
      .optional()
      .meta({ description: "After a check, and when it is published: what it cannot do here, and why" }),
  })
  .meta({ id: "BaseModel" });
export type BaseModel = z.infer<typeof BaseModel>;

export const BaseModelList = listSchema(BaseModel).meta({ id: "BaseModelList" });
export const BaseModelListQuery = pageQuery();

export const Usage = z
  .strictObject({
    object: z.literal("usage"),
    tenant: TenantId,
    days: z.array(
      z.strictObject({
        day: z.string().meta({ description: "UTC, as in 2026-01-31" }),
        requests: z.int(),
        prompt_tokens: z.int(),
        completion_tokens: z.int(),
        trained_tokens: z.int(),
      }),
    ),
  })
  .meta({ id: "Usage" });
export type Usage = z.infer<typeof Usage>;
