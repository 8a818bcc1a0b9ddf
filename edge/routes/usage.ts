import { createRoute } from "@hono/zod-openapi";
import { Usage } from "../../shared/api/admin.ts";
import { tenantAuth } from "./auth.ts";
import { replies, subApp, TENANT_SECURITY } from "./route.ts";

const get = createRoute({
  method: "get",
  path: "/",
  tags: ["Usage"],
  security: TENANT_SECURITY,
  summary: "The tenant's own usage, by day",
  responses: replies(Usage, "The last 90 days of use, newest first"),
});

export const usage = subApp();
usage.use("*", tenantAuth());

usage.openapi(get, async (c) => c.json(await c.var.caller.object.account.usage(), 200));
