import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import {
  Alias,
  AliasList,
  AliasListQuery,
  AliasMoveList,
  CreateAlias,
  MoveAlias,
  RollBackAlias,
} from "../../shared/api/aliases.ts";
import { Deleted } from "../../shared/api/lists.ts";
import { tenantAuth } from "./auth.ts";
import { once } from "./idempotent.ts";
import { jsonBody, jsonBodyIfAny, jsonBodyKeepingNull } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ alias: z.string().max(96) });
const tags = ["Aliases"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Create an alias, a name of your own for a model and, if you like, a steering preset",
  request: { body: jsonRequest(CreateAlias) },
  responses: replies(Alias, "The alias"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List aliases, newest first",
  request: { query: AliasListQuery },
  responses: replies(AliasList, "A page of aliases"),
});

const get = createRoute({
  method: "get",
  path: "/{alias}",
  tags,
  security,
  summary: "Describe an alias",
  request: { params },
  responses: replies(Alias, "The alias"),
});

const move = createRoute({
  method: "post",
  path: "/{alias}",
  tags,
  security,
  middleware: jsonBodyKeepingNull("steering"),
  summary: "Move an alias to another model or steering preset; requests under way end with the old one",
  request: { params, body: jsonRequest(MoveAlias) },
  responses: replies(Alias, "The alias, moved"),
});

const rollBack = createRoute({
  method: "post",
  path: "/{alias}/rollback",
  tags,
  security,
  middleware: jsonBodyIfAny,
  summary: "Return an alias to the model and preset before, or to a version of its history",
  request: { params, body: { ...jsonRequest(RollBackAlias), required: false } },
  responses: replies(Alias, "The alias, moved back"),
});

const history = createRoute({
  method: "get",
  path: "/{alias}/history",
  tags,
  security,
  summary: "List what an alias pointed to, newest first",
  request: { params, query: AliasListQuery },
  responses: replies(AliasMoveList, "A page of moves"),
});

const remove = createRoute({
  method: "delete",
  path: "/{alias}",
  tags,
  security,
  summary: "Delete an alias; the model stays",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const aliases = subApp();
aliases.use("*", tenantAuth());

aliases.openapi(create, (c) => {
  const { object } = c.var.caller;
  return once(c, object, async (key) => c.json(await object.aliases.create(c.req.valid("json"), key), 200));
});

aliases.openapi(list, async (c) => c.json(await c.var.caller.object.aliases.list(c.req.valid("query")), 200));

aliases.openapi(get, async (c) => c.json(await c.var.caller.object.aliases.get(c.req.valid("param").alias), 200));

aliases.openapi(move, async (c) =>
  c.json(await c.var.caller.object.aliases.move(c.req.valid("param").alias, c.req.valid("json")), 200),
);

aliases.openapi(rollBack, async (c) =>
  c.json(await c.var.caller.object.aliases.rollBack(c.req.valid("param").alias, c.req.valid("json").version), 200),
);

aliases.openapi(history, async (c) =>
  c.json(await c.var.caller.object.aliases.history(c.req.valid("param").alias, c.req.valid("query")), 200),
);

aliases.openapi(remove, async (c) => c.json(await c.var.caller.object.aliases.delete(c.req.valid("param").alias), 200));
