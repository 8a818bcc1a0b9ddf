/** Responses that were sent with `store: true`. */
import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Deleted } from "../../shared/api/lists.ts";
import { ResponseObject } from "../../shared/api/responses.ts";
import { tenantAuth } from "./auth.ts";
import { replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ response_id: z.string().max(64) });

const get = createRoute({
  method: "get",
  path: "/{response_id}",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  summary: "Read a response that was kept",
  request: { params },
  responses: replies(ResponseObject, "The response, without scores of its tokens"),
});

const remove = createRoute({
  method: "delete",
  path: "/{response_id}",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  summary: "Delete a response that was kept; feedback on it stays",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const storedResponses = subApp();
storedResponses.use("*", tenantAuth());

storedResponses.openapi(get, async (c) => {
  const kept = await c.var.caller.object.kept.response(c.req.valid("param").response_id);
  return c.json(kept as ResponseObject, 200);
});

storedResponses.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.kept.delete(c.req.valid("param").response_id, "response"), 200),
);
