import { createRoute } from "@hono/zod-openapi";
import { GraderRun, GraderValidation, RunGrader, ValidateGrader } from "../../shared/api/graders.ts";
import { type GraderErrors, NO_ERRORS } from "../../shared/graders/errors.ts";
import type { Grade, TokenUsage } from "../../shared/graders/kind.ts";
import { checkGrader, type Grader, grade, modelsOf } from "../../shared/graders/registry.ts";
import { observe } from "../../shared/graders/render.ts";
import { tenantAuth } from "./auth.ts";
import { askGraderModel, requireModel } from "./grader-models.ts";
import { jsonBody, jsonBodyKeeping } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

/** The path of the grader in both requests. */
const AT = "grader";

const run = createRoute({
  method: "post",
  path: "/run",
  tags: ["Fine-tuning"],
  security: TENANT_SECURITY,
  middleware: jsonBodyKeeping("item"),
  summary: "Grade one sample",
  request: { body: jsonRequest(RunGrader) },
  responses: replies(GraderRun, "The reward, and how it came about"),
});

const validate = createRoute({
  method: "post",
  path: "/validate",
  tags: ["Fine-tuning"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Check a grader, its templates, its formula and its models, without grading",
  request: { body: jsonRequest(ValidateGrader) },
  responses: replies(GraderValidation, "The grader is valid"),
});

export const graders = subApp();
graders.post("/run", tenantAuth("generation"));
graders.use("*", tenantAuth());

graders.openapi(run, async (c) => {
  const { grader, model_sample: sample, item } = c.req.valid("json");
  const started = Date.now();
  const graded = await grade(grader, {
    observation: observe(sample, item),
    at: AT,
    ask: (question) => askGraderModel(c, question),
  });
  return c.json(runOf(grader, graded, (Date.now() - started) / 1000), 200);
});

graders.openapi(validate, async (c) => {
  const { grader } = c.req.valid("json");
  checkGrader(grader, AT);
  for (const model of modelsOf(grader, AT)) await requireModel(c, model);
  return c.json({ grader }, 200);
});

function runOf(grader: Grader, { score, flaw, usage, parts = {} }: Grade, seconds: number): GraderRun {
  const perModel = new Map<string, TokenUsage>();
  for (const [model, used] of usage) perModel.set(model, added(perModel.get(model), used));
  return {
    reward: score,
    sub_rewards: parts,
    model_grader_token_usage_per_model: Object.fromEntries(perModel),
    metadata: {
      name: grader.name as string,
      type: grader.type,
      execution_time: seconds,
      scores: parts,
      token_usage: usage.length === 0 ? null : usage.reduce((sum, [, used]) => sum + used.total_tokens, 0),
      sampled_model_name: usage[0]?.[0] ?? null,
      errors: { ...NO_ERRORS, ...flaw } satisfies GraderErrors as GraderRun["metadata"]["errors"],
    },
  };
}

function added(a: TokenUsage | undefined, b: TokenUsage): TokenUsage {
  if (a === undefined) return b;
  return {
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    completion_tokens: a.completion_tokens + b.completion_tokens,
    cached_tokens: a.cached_tokens + b.cached_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
  };
}
