import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import {
  CheckpointPermissionList,
  CheckpointPermissionQuery,
  CreatePermissions,
  DeletedPermission,
} from "../../shared/api/checkpoint-permissions.ts";
import { tenantAuth } from "./auth.ts";
import { once } from "./idempotent.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({
  fine_tuned_model_checkpoint: z.string().max(300).meta({ description: "A tuned model's name, or a checkpoint's id" }),
});
const tags = ["Fine-tuning"];
const security = TENANT_SECURITY;
const path = "/{fine_tuned_model_checkpoint}/permissions";

const create = createRoute({
  method: "post",
  path,
  tags,
  security,
  middleware: jsonBody,
  summary: "Permit projects to use a tuned model",
  request: { params, body: jsonRequest(CreatePermissions) },
  responses: replies(CheckpointPermissionList, "The permissions, one for each project"),
});

const list = createRoute({
  method: "get",
  path,
  tags,
  security,
  summary: "List the permissions of a tuned model",
  request: { params, query: CheckpointPermissionQuery },
  responses: replies(CheckpointPermissionList, "A page of permissions"),
});

const remove = createRoute({
  method: "delete",
  path: `${path}/{permission_id}`,
  tags,
  security,
  summary: "Delete a permission",
  request: { params: params.extend({ permission_id: z.string().max(64) }) },
  responses: replies(DeletedPermission, "What was deleted"),
});

export const checkpointPermissions = subApp();
checkpointPermissions.use("*", tenantAuth());

checkpointPermissions.openapi(create, (c) => {
  const { object } = c.var.caller;
  const { fine_tuned_model_checkpoint: checkpoint } = c.req.valid("param");
  const { project_ids: projects } = c.req.valid("json");
  return once(c, object, async (key) => c.json(await object.permissions.create(checkpoint, projects, key), 200));
});

checkpointPermissions.openapi(list, async (c) => {
  const { fine_tuned_model_checkpoint: checkpoint } = c.req.valid("param");
  return c.json(await c.var.caller.object.permissions.list(checkpoint, c.req.valid("query")), 200);
});

checkpointPermissions.openapi(remove, async (c) => {
  const { fine_tuned_model_checkpoint: checkpoint, permission_id: id } = c.req.valid("param");
  return c.json(await c.var.caller.object.permissions.delete(checkpoint, id), 200);
});
