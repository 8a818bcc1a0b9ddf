import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import {
  CreateEval,
  DeletedEval,
  Eval,
  EvalList,
  EvalListQuery,
  EvalSuites,
  UpdateEval,
} from "../../shared/api/evals.ts";
import { type Criterion, checkCriteria } from "../../shared/evals/criteria.ts";
import { readItemSchema } from "../../shared/evals/item-schema.ts";
import { KEPT_ITEM_SCHEMA } from "../../shared/evals/samples.ts";
import { SUITES } from "../../shared/evaluation/suites/registry.ts";
import { modelsOf } from "../../shared/graders/registry.ts";
import type { EvalRecord } from "../objects/tenant/evals/eval-rows.ts";
import type { AppEnv } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { requireSuite, suiteRecord } from "./eval-suite.ts";
import { requireModel } from "./grader-models.ts";
import { once } from "./idempotent.ts";
import { jsonBodyKeeping, jsonBodyKeepingNull } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ eval_id: z.string().max(64) });
const tags = ["Evals"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  // A schema of null, or a null in one, says something.
  middleware: jsonBodyKeeping("item_schema"),
  summary: "Create an eval: what its items are, and the criteria that samples are tested by; or an eval of a suite",
  request: { body: jsonRequest(CreateEval) },
  responses: replies(Eval, "The eval"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List evals, oldest first",
  request: { query: EvalListQuery },
  responses: replies(EvalList, "A page of evals"),
});

const suites = createRoute({
  method: "get",
  path: "/suites",
  tags,
  security,
  summary: "List the suites that this server has",
  responses: replies(EvalSuites, "All suites"),
});

const get = createRoute({
  method: "get",
  path: "/{eval_id}",
  tags,
  security,
  summary: "Read an eval",
  request: { params },
  responses: replies(Eval, "The eval"),
});

const update = createRoute({
  method: "post",
  path: "/{eval_id}",
  tags,
  security,
  middleware: jsonBodyKeepingNull("metadata"),
  summary: "Rename an eval, or replace its metadata; null takes the metadata away",
  request: { params, body: jsonRequest(UpdateEval) },
  responses: replies(Eval, "The eval"),
});

const remove = createRoute({
  method: "delete",
  path: "/{eval_id}",
  tags,
  security,
  summary: "Delete an eval with its runs",
  request: { params },
  responses: replies(DeletedEval, "What was deleted"),
});

export const evals = subApp();
evals.use("*", tenantAuth());

evals.openapi(create, (c) =>
  once(c, c.var.caller.object, async (key) => {
    const record = await recordOf(c, c.req.valid("json"));
    return c.json(await c.var.caller.object.evals.create(record, key), 200);
  }),
);

evals.openapi(list, async (c) => c.json(await c.var.caller.object.evals.list(c.req.valid("query")), 200));

evals.openapi(suites, (c) => {
  const data = SUITES.map(({ name, title, description, mode, scores }) => {
    return { object: "eval.suite" as const, name, title, description, mode, scores: { ...scores } };
  });
  return c.json({ object: "list" as const, data }, 200);
});

evals.openapi(get, async (c) => c.json(await c.var.caller.object.evals.get(c.req.valid("param").eval_id), 200));

evals.openapi(update, async (c) =>
  c.json(await c.var.caller.object.evals.update(c.req.valid("param").eval_id, c.req.valid("json")), 200),
);

evals.openapi(remove, async (c) => {
  const { eval_id } = c.req.valid("param");
  await c.var.caller.object.evals.delete(eval_id);
  return c.json({ object: "eval.deleted" as const, deleted: true as const, eval_id }, 200);
});

/** @throws TrimtabError for schemas, templates and models that no run could use, with the field */
async function recordOf(c: Context<AppEnv>, request: CreateEval): Promise<EvalRecord> {
  const { name = "", metadata = null, data_source_config: config, suite } = request;
  if (suite !== undefined) return suiteRecord(requireSuite(suite, "suite"), { name, metadata });
  // What the type of graders cannot say: a grader that is a program is refused by its schema.
  const criteria = (request.testing_criteria ?? []) as Criterion[];
  const source = config!;
  if (source.type === "custom") readItemSchema(source.item_schema, "data_source_config.item_schema");
  checkCriteria(criteria, {
    item: source.type === "custom" ? source.item_schema : KEPT_ITEM_SCHEMA,
    hasSample: source.type !== "custom" || source.include_sample_schema === true,
    instead: "Set `data_source_config.include_sample_schema` to true",
  });
  for (const [index, criterion] of criteria.entries()) {
    for (const model of modelsOf(criterion, `testing_criteria[${index}]`)) await requireModel(c, model);
  }
  return { name, metadata, config: source, criteria };
}
