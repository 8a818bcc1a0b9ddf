import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Deleted } from "../../shared/api/lists.ts";
import {
  CreatePreset,
  Preset,
  PresetList,
  PresetListQuery,
  PresetVersionList,
  RollBackPreset,
  UpdatePreset,
} from "../../shared/api/steering-presets.ts";
import { tenantAuth } from "./auth.ts";
import { once } from "./idempotent.ts";
import { jsonBody, jsonBodyIfAny } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ preset: z.string().max(96).meta({ description: "The preset's name" }) });
const tags = ["Steering"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Keep a steering object under a name, for requests and aliases to use",
  request: { body: jsonRequest(CreatePreset) },
  responses: replies(
    Preset,
    "The preset, in its first version: 1, or what follows the last one of a deleted preset of that name",
  ),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List steering presets, newest first",
  request: { query: PresetListQuery },
  responses: replies(PresetList, "A page of presets"),
});

const get = createRoute({
  method: "get",
  path: "/{preset}",
  tags,
  security,
  summary: "Describe a steering preset",
  request: { params },
  responses: replies(Preset, "The preset"),
});

const update = createRoute({
  method: "post",
  path: "/{preset}",
  tags,
  security,
  middleware: jsonBody,
  summary: "Give a steering preset a new version, which later requests use; older versions stay as they are",
  request: { params, body: jsonRequest(UpdatePreset) },
  responses: replies(Preset, "The preset, in its new version"),
});

const rollBack = createRoute({
  method: "post",
  path: "/{preset}/rollback",
  tags,
  security,
  middleware: jsonBodyIfAny,
  summary: "Bring back the version before, or one of the history, as a new version",
  request: { params, body: { ...jsonRequest(RollBackPreset), required: false } },
  responses: replies(Preset, "The preset, in its new version"),
});

const history = createRoute({
  method: "get",
  path: "/{preset}/history",
  tags,
  security,
  summary: "List the versions of a steering preset, newest first",
  request: { params, query: PresetListQuery },
  responses: replies(PresetVersionList, "A page of versions"),
});

const remove = createRoute({
  method: "delete",
  path: "/{preset}",
  tags,
  security,
  summary: "Delete a steering preset with all its versions; refused while an alias uses it",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const steeringPresets = subApp();
steeringPresets.use("*", tenantAuth());

steeringPresets.openapi(create, (c) => {
  const { object } = c.var.caller;
  return once(c, object, async (key) => c.json(await object.presets.create(c.req.valid("json"), key), 200));
});

steeringPresets.openapi(list, async (c) => c.json(await c.var.caller.object.presets.list(c.req.valid("query")), 200));

steeringPresets.openapi(get, async (c) =>
  c.json(await c.var.caller.object.presets.get(c.req.valid("param").preset), 200),
);

steeringPresets.openapi(update, async (c) =>
  c.json(await c.var.caller.object.presets.update(c.req.valid("param").preset, c.req.valid("json")), 200),
);

steeringPresets.openapi(rollBack, async (c) =>
  c.json(await c.var.caller.object.presets.rollBack(c.req.valid("param").preset, c.req.valid("json").version), 200),
);

steeringPresets.openapi(history, async (c) =>
  c.json(await c.var.caller.object.presets.history(c.req.valid("param").preset, c.req.valid("query")), 200),
);

steeringPresets.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.presets.delete(c.req.valid("param").preset), 200),
);
