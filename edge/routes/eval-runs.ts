import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import {
  CreateEvalRun,
  DeletedEvalRun,
  EvalOutputItem,
  EvalOutputItemList,
  EvalOutputItemQuery,
  EvalRun,
  EvalRunList,
  EvalRunListQuery,
} from "../../shared/api/eval-runs.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { AppEnv } from "./app-env.ts";
import { requireTokens, tenantAuth } from "./auth.ts";
import { storeItems } from "./eval-run-items.ts";
import { planRun } from "./eval-run-plan.ts";
import { onceAgain } from "./idempotent.ts";
import { jsonBodyKeeping } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const id = z.string().max(64);
const ofEval = z.strictObject({ eval_id: id });
const ofRun = ofEval.extend({ run_id: id });
const ofItem = ofRun.extend({ output_item_id: id });
const tags = ["Evals"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/{eval_id}/runs",
  tags,
  security,
  // A null in an item, a sample or a schema says something.
  middleware: jsonBodyKeeping("item", "sample", "parameters", "arguments"),
  summary: "Run an eval: have a model write samples, or bring them, and test them by its criteria",
  request: { params: ofEval, body: jsonRequest(CreateEvalRun) },
  responses: replies(EvalRun, "The run, which is queued"),
});

const list = createRoute({
  method: "get",
  path: "/{eval_id}/runs",
  tags,
  security,
  summary: "List the runs of an eval, oldest first",
  request: { params: ofEval, query: EvalRunListQuery },
  responses: replies(EvalRunList, "A page of runs"),
});

const get = createRoute({
  method: "get",
  path: "/{eval_id}/runs/{run_id}",
  tags,
  security,
  summary: "Read a run",
  request: { params: ofRun },
  responses: replies(EvalRun, "The run"),
});

const cancel = createRoute({
  method: "post",
  path: "/{eval_id}/runs/{run_id}",
  tags,
  security,
  summary: "Cancel a run; what came of its items stays",
  request: { params: ofRun },
  responses: replies(EvalRun, "The run"),
});

const cancelByName = createRoute({ ...cancel, path: "/{eval_id}/runs/{run_id}/cancel" });

const remove = createRoute({
  method: "delete",
  path: "/{eval_id}/runs/{run_id}",
  tags,
  security,
  summary: "Delete a run with what came of its items",
  request: { params: ofRun },
  responses: replies(DeletedEvalRun, "What was deleted"),
});

const items = createRoute({
  method: "get",
  path: "/{eval_id}/runs/{run_id}/output_items",
  tags,
  security,
  summary: "List what came of a run's items, in their order; of a run under way, of those that have ended",
  request: { params: ofRun, query: EvalOutputItemQuery },
  responses: replies(EvalOutputItemList, "A page of output items"),
});

const item = createRoute({
  method: "get",
  path: "/{eval_id}/runs/{run_id}/output_items/{output_item_id}",
  tags,
  security,
  summary: "Read what came of an item",
  request: { params: ofItem },
  responses: replies(EvalOutputItem, "The output item"),
});

export const evalRuns = subApp();
evalRuns.use("*", tenantAuth());

evalRuns.openapi(create, async (c) => {
  const { eval_id: of } = c.req.valid("param");
  const request = c.req.valid("json");
  const { object } = c.var.caller;
  return onceAgain(
    c,
    object,
    async (key) => c.json(await createRun(c, { of, request, key }), 200),
    async (made) => c.json(await object.evals.run(of, made.id), 200),
  );
});

/** Creates a run with all its items, or nothing. */
export async function createRun(
  c: Context<AppEnv>,
  { of, request, key }: { readonly of: string; readonly request: CreateEvalRun; readonly key: Idempotency | null },
): Promise<EvalRun> {
  const { evals } = c.var.caller.object;
  const record = await evals.record(of);
  const planned = await planRun(c, record, request);
  if (planned.record.plan.kind !== "grade") await requireTokens(c);
  const run = await evals.prepareRun(of, planned.record, planned.source);
  try {
    await storeItems(c, run, { of: record, planned });
    return await evals.start(run, key);
  } catch (error) {
    await evals.dropRun(run);
    throw error;
  }
}

evalRuns.openapi(list, async (c) =>
  c.json(await c.var.caller.object.evals.runs(c.req.valid("param").eval_id, c.req.valid("query")), 200),
);

evalRuns.openapi(get, async (c) => {
  const { eval_id: of, run_id: run } = c.req.valid("param");
  return c.json(await c.var.caller.object.evals.run(of, run), 200);
});

evalRuns.openapi(cancel, async (c) => {
  const { eval_id: of, run_id: run } = c.req.valid("param");
  return c.json(await c.var.caller.object.evals.cancelRun(of, run), 200);
});

evalRuns.openapi(cancelByName, async (c) => {
  const { eval_id: of, run_id: run } = c.req.valid("param");
  return c.json(await c.var.caller.object.evals.cancelRun(of, run), 200);
});

evalRuns.openapi(remove, async (c) => {
  const { eval_id: of, run_id } = c.req.valid("param");
  await c.var.caller.object.evals.deleteRun(of, run_id);
  return c.json({ object: "eval.run.deleted" as const, deleted: true as const, run_id }, 200);
});

evalRuns.openapi(items, async (c) => {
  const { eval_id: of, run_id: run } = c.req.valid("param");
  return c.json(await c.var.caller.object.evals.items(of, run, c.req.valid("query")), 200);
});

evalRuns.openapi(item, async (c) => {
  const { eval_id: of, run_id: run, output_item_id: output } = c.req.valid("param");
  return c.json(await c.var.caller.object.evals.item(of, run, output), 200);
});
