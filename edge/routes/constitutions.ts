import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import {
  Constitution,
  ConstitutionList,
  ConstitutionListQuery,
  ConstitutionVersion,
  ConstitutionVersionList,
  CreateConstitution,
  UpdateConstitution,
} from "../../shared/api/constitutions.ts";
import { Deleted } from "../../shared/api/lists.ts";
import { tenantAuth } from "./auth.ts";
import { once } from "./idempotent.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ constitution: z.string().max(96).meta({ description: "The constitution's name" }) });
const referenceParams = z.strictObject({
  constitution: z.string().max(96).meta({ description: "The constitution's name, or a version such as `kindness@3`" }),
});
const tags = ["Constitutions"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Keep principles under a name, for constitutional jobs to use",
  request: { body: jsonRequest(CreateConstitution) },
  responses: replies(
    Constitution,
    "The constitution, in its first version: 1, or what follows the last one of a deleted constitution of that name",
  ),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List constitutions, newest first",
  request: { query: ConstitutionListQuery },
  responses: replies(ConstitutionList, "A page of constitutions"),
});

const get = createRoute({
  method: "get",
  path: "/{constitution}",
  tags,
  security,
  summary: "Describe a constitution in its newest version, or one of its versions",
  request: { params: referenceParams },
  responses: replies(z.union([Constitution, ConstitutionVersion]), "The constitution, or the version"),
});

const update = createRoute({
  method: "post",
  path: "/{constitution}",
  tags,
  security,
  middleware: jsonBody,
  summary: "Give a constitution a new version, which later jobs use; older versions stay as they are",
  request: { params, body: jsonRequest(UpdateConstitution) },
  responses: replies(Constitution, "The constitution, in its new version"),
});

const versions = createRoute({
  method: "get",
  path: "/{constitution}/versions",
  tags,
  security,
  summary: "List the versions of a constitution, newest first",
  request: { params, query: ConstitutionListQuery },
  responses: replies(ConstitutionVersionList, "A page of versions"),
});

const remove = createRoute({
  method: "delete",
  path: "/{constitution}",
  tags,
  security,
  summary: "Delete a constitution with all its versions; jobs keep the copies that they have",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const constitutions = subApp();
constitutions.use("*", tenantAuth());

constitutions.openapi(create, (c) => {
  const { object } = c.var.caller;
  return once(c, object, async (key) => c.json(await object.constitutions.create(c.req.valid("json"), key), 200));
});

constitutions.openapi(list, async (c) =>
  c.json(await c.var.caller.object.constitutions.list(c.req.valid("query")), 200),
);

constitutions.openapi(get, async (c) =>
  c.json(await c.var.caller.object.constitutions.get(c.req.valid("param").constitution), 200),
);

constitutions.openapi(update, async (c) =>
  c.json(await c.var.caller.object.constitutions.update(c.req.valid("param").constitution, c.req.valid("json")), 200),
);

constitutions.openapi(versions, async (c) =>
  c.json(
    await c.var.caller.object.constitutions.versions(c.req.valid("param").constitution, c.req.valid("query")),
    200,
  ),
);

constitutions.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.constitutions.delete(c.req.valid("param").constitution), 200),
);
