/** Continuations of texts that were sent with `store: true`. */
import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { StoredCompletion } from "../../shared/api/kept-completions.ts";
import { Deleted } from "../../shared/api/lists.ts";
import { tenantAuth } from "./auth.ts";
import { replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ completion_id: z.string().max(64) });

const get = createRoute({
  method: "get",
  path: "/{completion_id}",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  summary: "Read a continuation that was kept",
  request: { params },
  responses: replies(StoredCompletion, "The continuation, without scores and traces of its tokens"),
});

const remove = createRoute({
  method: "delete",
  path: "/{completion_id}",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  summary: "Delete a continuation that was kept; feedback on it stays",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const storedCompletions = subApp();
storedCompletions.use("*", tenantAuth());

storedCompletions.openapi(get, async (c) =>
  c.json(await c.var.caller.object.kept.text(c.req.valid("param").completion_id), 200),
);

storedCompletions.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.kept.delete(c.req.valid("param").completion_id, "text"), 200),
);
