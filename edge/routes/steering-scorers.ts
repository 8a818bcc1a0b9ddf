import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Deleted } from "../../shared/api/lists.ts";
import { ChangeScorer, CreateScorer, Scorer, ScorerList, ScorerListQuery } from "../../shared/api/steering-scorers.ts";
import { tenantAuth } from "./auth.ts";
import { once } from "./idempotent.ts";
import { jsonBody, jsonBodyKeepingNull } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ scorer: z.string().max(96).meta({ description: "The scorer's name" }) });
const tags = ["Steering"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Allow an address that scores candidates while a model writes",
  request: { body: jsonRequest(CreateScorer) },
  responses: replies(Scorer, "The scorer, without its secret"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List scorers, newest first",
  request: { query: ScorerListQuery },
  responses: replies(ScorerList, "A page of scorers"),
});

const get = createRoute({
  method: "get",
  path: "/{scorer}",
  tags,
  security,
  summary: "Describe a scorer",
  request: { params },
  responses: replies(Scorer, "The scorer, without its secret"),
});

const change = createRoute({
  method: "patch",
  path: "/{scorer}",
  tags,
  security,
  middleware: jsonBodyKeepingNull("secret", "description"),
  summary: "Change a scorer's address, secret or description",
  request: { params, body: jsonRequest(ChangeScorer) },
  responses: replies(Scorer, "The scorer, changed"),
});

const remove = createRoute({
  method: "delete",
  path: "/{scorer}",
  tags,
  security,
  summary: "Delete a scorer; requests that name it are refused from then on",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const steeringScorers = subApp();
steeringScorers.use("*", tenantAuth());

steeringScorers.openapi(create, (c) => {
  const { object } = c.var.caller;
  return once(c, object, async (key) => c.json(await object.scorers.create(c.req.valid("json"), key), 200));
});

steeringScorers.openapi(list, async (c) => c.json(await c.var.caller.object.scorers.list(c.req.valid("query")), 200));

steeringScorers.openapi(get, async (c) =>
  c.json(await c.var.caller.object.scorers.get(c.req.valid("param").scorer), 200),
);

steeringScorers.openapi(change, async (c) =>
  c.json(await c.var.caller.object.scorers.change(c.req.valid("param").scorer, c.req.valid("json")), 200),
);

steeringScorers.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.scorers.delete(c.req.valid("param").scorer), 200),
);
