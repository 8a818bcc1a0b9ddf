import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Deleted } from "../../shared/api/lists.ts";
import { Delta, DeltaList, DeltaListQuery } from "../../shared/api/models.ts";
import { tenantAuth } from "./auth.ts";
import { replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ delta_id: z.string().max(80) });
const tags = ["Deltas"];
const security = TENANT_SECURITY;

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List deltas, newest first",
  request: { query: DeltaListQuery },
  responses: replies(DeltaList, "A page of deltas"),
});

const get = createRoute({
  method: "get",
  path: "/{delta_id}",
  tags,
  security,
  summary: "Describe a delta",
  request: { params },
  responses: replies(Delta, "The delta"),
});

const remove = createRoute({
  method: "delete",
  path: "/{delta_id}",
  tags,
  security,
  summary: "Delete a delta and every model name that answers with it",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const deltas = subApp();
deltas.use("*", tenantAuth());

deltas.openapi(list, async (c) => c.json(await c.var.caller.object.listDeltas(c.req.valid("query")), 200));
deltas.openapi(get, async (c) => c.json(await c.var.caller.object.delta(c.req.valid("param").delta_id), 200));
deltas.openapi(remove, async (c) => c.json(await c.var.caller.object.deleteDelta(c.req.valid("param").delta_id), 200));
