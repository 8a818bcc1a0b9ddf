import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { listSchema, pageQuery } from "./lists.ts";

/** How many permissions a page lists unless the request says otherwise. */
const PAGE = 10;

export const CreatePermissions = z
  .strictObject({
    project_ids: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(LIMITS.permittedProjects)
      .meta({ description: "Tenants are the projects of this server; a tenant's own id is the only one it may name" }),
  })
  .meta({ id: "CreateCheckpointPermissions" });

export const CheckpointPermission = z
  .strictObject({
    id: z.string(),
    object: z.literal("checkpoint.permission"),
    created_at: z.int(),
    project_id: z.string(),
  })
  .meta({ id: "CheckpointPermission" });
export type CheckpointPermission = z.infer<typeof CheckpointPermission>;

export const CheckpointPermissionList = listSchema(CheckpointPermission).meta({ id: "CheckpointPermissionList" });

export const CheckpointPermissionQuery = pageQuery(PAGE).extend({
  order: z.enum(["ascending", "descending"]).default("descending").meta({ description: "By the time of creation" }),
  project_id: z.string().min(1).max(64).optional().meta({ description: "Lists the permissions of one project" }),
});
export type PermissionPage = z.infer<typeof CheckpointPermissionQuery>;

export const DeletedPermission = z
  .strictObject({ id: z.string(), object: z.literal("checkpoint.permission"), deleted: z.literal(true) })
  .meta({ id: "DeletedCheckpointPermission" });
export type DeletedPermission = z.infer<typeof DeletedPermission>;
