import { z } from "zod";
import { BaseId } from "./ids.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { PresetReference } from "./steering-presets.ts";

/** An alias has the form of a base's id, so that it can take the name that a client has already set. */
export const AliasId = BaseId.meta({ description: "An alias", example: "support-bot" });

const target = z.string().min(1).max(300).meta({ description: "One of the tenant's own models, or a base model" });

const steering = PresetReference.meta({
  description: "The steering preset of requests that have no `steering` of their own; `calm@3` stays with that version",
});

export const CreateAlias = z
  .strictObject({ id: AliasId, model: target, steering: steering.optional() })
  .meta({ id: "CreateAlias" });
export type CreateAlias = z.infer<typeof CreateAlias>;

export const MoveAlias = z
  .strictObject({
    model: target.optional().meta({ description: "The model to point to; where left out, the alias keeps its own" }),
    steering: steering
      .nullish()
      .meta({ description: "The steering preset; null takes it away, and where left out the alias keeps its own" }),
    if_model: target
      .optional()
      .meta({ description: "Move it only if it points to this model now, so that two moves cannot cross" }),
  })
  .refine(({ model, steering }) => model !== undefined || steering !== undefined, {
    path: ["model"],
    message: "is required, unless `steering` is there",
  })
  .meta({ id: "MoveAlias" });
export type MoveAlias = z.infer<typeof MoveAlias>;

export const RollBackAlias = z
  .strictObject({
    version: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "The version to return to; by default the one before the current one" }),
  })
  .meta({ id: "RollBackAlias" });
export type RollBackAlias = z.infer<typeof RollBackAlias>;

export const Alias = z
  .strictObject({
    id: AliasId,
    object: z.literal("alias"),
    created_at: z.int(),
    model: z.string().meta({ description: "The model that it points to" }),
    steering: z.string().nullable().meta({ description: "The steering preset; null for none" }),
    version: z.int().meta({ description: "Counts its moves from 1" }),
    previous_model: z
      .string()
      .nullable()
      .meta({ description: "The model that a rollback returns to; null if there is none" }),
    previous_steering: z.string().nullable().meta({ description: "The steering preset that a rollback returns to" }),
  })
  .meta({ id: "Alias" });
export type Alias = z.infer<typeof Alias>;

export const AliasList = listSchema(Alias).meta({ id: "AliasList" });

export const AliasMove = z
  .strictObject({
    id: z.string(),
    object: z.literal("alias.move"),
    version: z.int(),
    model: z.string(),
    steering: z.string().nullable(),
    by: z.enum(["create", "move", "rollback"]),
    created_at: z.int(),
  })
  .meta({ id: "AliasMove" });
export type AliasMove = z.infer<typeof AliasMove>;

export const AliasMoveList = listSchema(AliasMove).meta({ id: "AliasMoveList" });
export const AliasListQuery = pageQuery();
