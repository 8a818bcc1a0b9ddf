import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { newId } from "../../shared/api/ids.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Allowance } from "../objects/rate-limit.ts";
import { adminModels } from "./admin-models.ts";
import { adminTenants } from "./admin-tenants.ts";
import { aliases } from "./aliases.ts";
import type { AppEnv } from "./app-env.ts";
import { chat } from "./chat.ts";
import { checkpointPermissions } from "./checkpoint-permissions.ts";
import { completions } from "./completions.ts";
import { constitutions } from "./constitutions.ts";
import { cors } from "./cors.ts";
import { datasets } from "./datasets.ts";
import { deltas } from "./deltas.ts";
import { deltasMerge } from "./deltas-merge.ts";
import { deltasUpload } from "./deltas-upload.ts";
import { docs } from "./docs.ts";
import { documentReply } from "./document-reply.ts";
import { edits } from "./edits.ts";
import { errorReply } from "./error-reply.ts";
import { evalRuns } from "./eval-runs.ts";
import { evals } from "./evals.ts";
import { feedback } from "./feedback.ts";
import { files } from "./files.ts";
import { graders } from "./graders.ts";
import { jobReport } from "./job-report.ts";
import { jobs } from "./jobs.ts";
import { knownMethods } from "./known-methods.ts";
import { labeling } from "./labeling.ts";
import { labelingPage } from "./labeling-page.ts";
import { countRequest } from "./metrics.ts";
import { models } from "./models.ts";
import { peft } from "./peft.ts";
import { plainBody } from "./plain-body.ts";
import { preferences } from "./preferences.ts";
import { type DrainLimits, replyFirst } from "./reply-first.ts";
import { responses } from "./responses.ts";
import { rewards } from "./rewards.ts";
import { subApp } from "./route.ts";
import { safeHeaders } from "./safe-headers.ts";
import { service } from "./service.ts";
import { steeringPresets } from "./steering-presets.ts";
import { steeringScorers } from "./steering-scorers.ts";
import { steeringSweep } from "./steering-sweep.ts";
import { storedChats } from "./stored-chats.ts";
import { storedCompletions } from "./stored-completions.ts";
import { storedResponses } from "./stored-responses.ts";
import { rootTokens, tokens } from "./tokens.ts";
import { tracing } from "./tracing.ts";
import { trainer } from "./trainer.ts";
import { trainerBlobs } from "./trainer-blobs.ts";
import { usage } from "./usage.ts";

/** The whole HTTP API: one sub-app per resource. */
export function createApp(): OpenAPIHono<AppEnv> {
  const app = subApp();
  app.use("*", everyReply, safeHeaders, cors, knownMethods(app), plainBody);
  app.route("/", service);
  app.route("/v1/files", files);
  app.route("/v1/fine_tuning/jobs", jobs);
  app.route("/v1/fine_tuning/checkpoints", checkpointPermissions);
  app.route("/v1/fine_tuning/jobs", jobReport);
  app.route("/v1/fine_tuning/alpha/graders", graders);
  app.route("/v1/models", models);
  app.route("/v1/models", tracing);
  app.route("/v1/aliases", aliases);
  app.route("/v1/deltas", deltas);
  app.route("/v1/deltas", deltasUpload);
  app.route("/v1/deltas", deltasMerge);
  app.route("/v1/edits", edits);
  app.route("/v1/constitutions", constitutions);
  app.route("/v1/peft", peft);
  app.route("/v1/chat/completions", chat);
  app.route("/v1/chat/completions", storedChats);
  app.route("/v1/completions", completions);
  app.route("/v1/completions", storedCompletions);
  app.route("/v1/responses", responses);
  app.route("/v1/responses", storedResponses);
  app.route("/v1/evals", evals);
  app.route("/v1/evals", evalRuns);
  app.route("/v1/feedback", feedback);
  app.route("/v1/labeling/projects", labeling);
  app.route("/v1/datasets", datasets);
  app.route("/v1/preferences", preferences);
  app.route("/v1/rewards", rewards);
  app.route("/v1/steering/presets", steeringPresets);
  app.route("/v1/steering/scorers", steeringScorers);
  app.route("/v1/steering/sweep", steeringSweep);
  app.route("/", rootTokens);
  app.route("/v1", tokens);
  app.route("/v1/usage", usage);
  app.route("/v1/admin/tenants", adminTenants);
  app.route("/v1/admin/models", adminModels);
  app.route("/v1/trainer", trainer);
  app.route("/v1/trainer", trainerBlobs);
  app.route("/docs", docs);
  app.route("/labeling", labelingPage);
  app.get("/openapi.json", documentReply(app));
  app.notFound((c) =>
    errorReply(
      new TrimtabError(
        "not_found",
        `There is nothing at ${c.req.method} ${c.req.path}. GET /openapi.json lists what is.`,
      ),
    ),
  );
  app.onError((error) => errorReply(error));
  return app;
}

/**
 * What a client may still send beside the reply: little without a key; with one, as much as an upload may have.
 */
function drainLimits(c: Context<AppEnv>): DrainLimits {
  if (c.var.trusted === true) return { bytes: Number.POSITIVE_INFINITY, ms: DRAIN_MS };
  return { bytes: c.var.caller === undefined ? 4 * LIMITS.jsonBody : 2 * LIMITS.file, ms: DRAIN_MS };
}

const DRAIN_MS = 30_000;

/** Headers of every reply, errors included. */
const everyReply: MiddlewareHandler<AppEnv> = async (c, next) => {
  c.set(
    "requestId",
    newId("request", (bytes) => crypto.getRandomValues(bytes)),
  );
  const started = Date.now();
  await next();
  const reply = await replyFirst(c.res, c.req.raw.body, drainLimits(c));
  if (reply !== c.res) c.res = reply;
  c.res.headers.set("x-request-id", c.var.requestId);
  c.res.headers.set("openai-processing-ms", String(Date.now() - started));
  const { allowances } = c.var;
  if (allowances !== undefined) {
    for (const what of ["requests", "tokens"] as const) {
      const { limit, remaining, resetMs } = allowances[what] satisfies Allowance;
      c.res.headers.set(`x-ratelimit-limit-${what}`, String(limit));
      c.res.headers.set(`x-ratelimit-remaining-${what}`, String(remaining));
      c.res.headers.set(`x-ratelimit-reset-${what}`, `${(resetMs / 1000).toFixed(3)}s`);
    }
  }
  countRequest(c.req.method, c.res.status);
};
