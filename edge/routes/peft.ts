import { createRoute } from "@hono/zod-openapi";
import { comparisonRow, PeftComparison, PeftComparisonRequest } from "../../shared/api/peft.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { type ComparedMethod, comparisonSteps, defaultSettings } from "../../shared/peft/compare.ts";
import { heapLimitBytes } from "../env.ts";
import { Pace } from "../pace/pace.ts";
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

/** Millionths of a second for a method whose patterns take as many steps as they may: each gets a turn of its own. */
const OF_A_METHOD = 100_000;

export const peft = subApp();
peft.use("*", tenantAuth());

peft.openapi(compare, async (c) => {
  const { model, methods } = c.req.valid("json");
  const { base } = await c.var.caller.object.models.base(model);
  const config = parseModelConfig(base.config);
  const options = { strict: methods !== undefined, param: "methods" };
  const pace = new Pace(c.var.caller.id);
  const rows: ComparedMethod[] = [];
  for (const row of comparisonSteps(config, methods ?? defaultSettings(), options)) {
    rows.push(row);
    await pace.spend(OF_A_METHOD);
  }
  const not_served = whyNotServed(config, heapLimitBytes(c.env));
  return c.json({ object: "list" as const, data: rows.map(comparisonRow), not_served }, 200);
});
