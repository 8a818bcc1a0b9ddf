import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { SteeringObject } from "./steering.ts";
import { parseVersionedName, versionedName, versionedReference } from "./versioned-names.ts";

const NAMES = { what: "a steering preset", length: LIMITS.presetName, example: "calm" };

export const PresetName = versionedName(NAMES);

/** What a request or an alias names: a preset in its version in force, or in one version for good. */
export const PresetReference = versionedReference(NAMES);

export interface ParsedReference {
  readonly preset: string;
  /** null for the version in force. */
  readonly version: number | null;
}

/** undefined where the text is no reference. */
export function parseReference(text: string): ParsedReference | undefined {
  const parsed = parseVersionedName(text, NAMES);
  return parsed && { preset: parsed.name, version: parsed.version };
}

const description = z
  .string()
  .max(LIMITS.description)
  .optional()
  .meta({ description: "For people; it changes nothing" });

export const CreatePreset = z
  .strictObject({ name: PresetName, steering: SteeringObject, description })
  .meta({ id: "CreateSteeringPreset" });
export type CreatePreset = z.infer<typeof CreatePreset>;

export const UpdatePreset = z
  .strictObject({
    steering: SteeringObject.meta({ description: "Replaces the whole object of the version before" }),
    description: description.meta({ description: "Stays as it is where left out" }),
    if_version: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "Update it only if this is its version now, so that two updates cannot cross" }),
  })
  .meta({ id: "UpdateSteeringPreset" });
export type UpdatePreset = z.infer<typeof UpdatePreset>;

export const RollBackPreset = z
  .strictObject({
    version: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "The version to return to; by default the one before the current one" }),
  })
  .meta({ id: "RollBackSteeringPreset" });

export const Preset = z
  .strictObject({
    id: z.string().meta({ description: "Its name" }),
    object: z.literal("steering.preset"),
    name: PresetName,
    created_at: z.int(),
    version: z.int().meta({ description: "Counts its versions from 1; a version never changes" }),
    steering: SteeringObject,
    description: z.string().nullable(),
    previous_version: z
      .int()
      .nullable()
      .meta({ description: "The version that a rollback returns to; null if there is none" }),
  })
  .meta({ id: "SteeringPreset" });
export type Preset = z.infer<typeof Preset>;

export const PresetList = listSchema(Preset).meta({ id: "SteeringPresetList" });

export const PresetVersion = z
  .strictObject({
    id: z.string().meta({ description: "The reference that always means this version", example: "calm@3" }),
    object: z.literal("steering.preset.version"),
    version: z.int(),
    steering: SteeringObject,
    description: z.string().nullable(),
    by: z.enum(["create", "update", "rollback"]),
    created_at: z.int(),
  })
  .meta({ id: "SteeringPresetVersion" });
export type PresetVersion = z.infer<typeof PresetVersion>;

export const PresetVersionList = listSchema(PresetVersion).meta({ id: "SteeringPresetVersionList" });
export const PresetListQuery = pageQuery();
