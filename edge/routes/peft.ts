import { createRoute } from "@hono/zod-openapi";
import { comparisonRow, PeftComparison, PeftComparisonRequest } from "../../shared/api/peft.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { compareMethods, defaultSettings } from "../../shared/peft/compare.ts";
import { heapLimitBytes } from "../env.ts";
import { whyNotServed } from "../serving/limits.ts";
import { tenantAuth } from "./auth.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const compare = createRoute({
  method: "post",
  path: "/compare",
  tags: ["Fine-tuning"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Compare methods on a base model, without training",
  request: { body: jsonRequest(PeftComparisonRequest) },
  responses: replies(PeftComparison, "One row for each method"),
});

export const peft = subApp();
peft.use("*", tenantAuth());

peft.openapi(compare, async (c) => {
  const { model, methods } = c.req.valid("json");
  const { base } = await c.var.caller.object.models.base(model);
  const config = parseModelConfig(base.config);
  const rows = compareMethods(config, methods ?? defaultSettings(), {
    strict: methods !== undefined,
    param: "methods",
  });
  const not_served = whyNotServed(config, heapLimitBytes(c.env));
  return c.json({ object: "list" as const, data: rows.map(comparisonRow), not_served }, 200);
});
