import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { CreateJobQuery, JobValidation } from "../../shared/api/job-validation.ts";
import {
  CheckpointList,
  CreateJob,
  Job,
  JobEventList,
  JobEventQuery,
  JobList,
  JobListQuery,
  jobFilter,
  jobRequest,
} from "../../shared/api/jobs.ts";
import { type ListOf, pageQuery } from "../../shared/api/lists.ts";
import { requireMixable } from "../../shared/api/methods.ts";
import { isPipeline, isSweep } from "../../shared/api/pipelines.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import type { AppEnv } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { checkStart } from "./check-start.ts";
import { once } from "./idempotent.ts";
import { checkJobEvals, measured } from "./job-evals.ts";
import { streamEvents } from "./job-events.ts";
import { methodOf } from "./job-method.ts";
import { jsonBody } from "./json-body.ts";
import { createPipeline, validatePipeline } from "./pipeline-jobs.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { createSweep, validateSweep } from "./sweep-jobs.ts";
import { checkTools, validateJob } from "./validate-job.ts";

const params = z.strictObject({ fine_tuning_job_id: z.string().max(64) });
const tags = ["Fine-tuning"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Create a fine-tuning job, or try it out with `validate=true`",
  request: { query: CreateJobQuery, body: jsonRequest(CreateJob) },
  responses: replies(z.union([Job, JobValidation]), "The queued job; with `validate`, what it would train on"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List jobs, newest first",
  request: { query: JobListQuery },
  responses: replies(JobList, "A page of jobs"),
});

const get = createRoute({
  method: "get",
  path: "/{fine_tuning_job_id}",
  tags,
  security,
  summary: "Describe a job",
  request: { params },
  responses: replies(Job, "The job"),
});

const change = (verb: "cancel" | "pause" | "resume", summary: string) =>
  createRoute({
    method: "post",
    path: `/{fine_tuning_job_id}/${verb}`,
    tags,
    security,
    summary,
    request: { params },
    responses: replies(Job, "The job"),
  });

const events = createRoute({
  method: "get",
  path: "/{fine_tuning_job_id}/events",
  tags,
  security,
  summary: "List a job's events, newest first; or follow them as server-sent events",
  request: { params, query: JobEventQuery },
  responses: replies(JobEventList, "A page of events, or a stream with `stream=true` or `accept: text/event-stream`"),
});

const checkpoints = createRoute({
  method: "get",
  path: "/{fine_tuning_job_id}/checkpoints",
  tags,
  security,
  summary: "List a job's checkpoints, newest first",
  request: { params, query: pageQuery(DEFAULTS.checkpointPage) },
  responses: replies(CheckpointList, "A page of checkpoints"),
});

/** The settings of all types of job are more than the compiler follows through `c.json`. */
function answer(c: Context<AppEnv>, value: Job | ListOf<Job> | JobValidation) {
  return c.json(value as never, 200);
}

export const jobs = subApp();
jobs.use("*", tenantAuth());

jobs.openapi(create, async (c) => {
  const reply = (value: Job | JobValidation) => answer(c, value);
  const tenant = c.var.caller.object;
  const request = jobRequest(c.req.valid("json"));
  const asked = methodOf(request);
  // A sweep's trials are checked one by one: each has files of its own.
  if (!isSweep(asked)) requireMixable(asked, request);
  const body: unknown = await c.req.json();
  const { validate = "false", examples = DEFAULTS.validatedExamples } = c.req.valid("query");
  if (validate !== "false") await checkJobEvals(c, request);
  if (isSweep(asked)) {
    const parts = { c, request, settings: asked.sweep, body };
    if (validate !== "false") return reply(await validateSweep({ ...parts, examples }));
    return once(c, tenant, async (key) => reply(await createSweep(parts, key)));
  }
  if (isPipeline(asked)) {
    const parts = { c, request, settings: asked.pipeline, body };
    if (validate !== "false") return reply(await validatePipeline({ ...parts, examples }));
    return once(c, tenant, async (key) => reply(await createPipeline(parts, key)));
  }
  const checkedStart = () => checkStart(c, { request, asked, body });
  if (validate !== "false") {
    const { parent: _, ...start } = await checkedStart();
    const dry = { ...start, request, tenant, blobs: c.env.BLOBS, examples };
    return reply(await validateJob(dry));
  }
  return once(c, tenant, async (idempotency) => {
    const { base, parent, method, maxLength } = await checkedStart();
    await checkTools({ request, method, base, tenant, blobs: c.env.BLOBS, maxLength });
    return reply(
      await measured(c, request, (evals) => tenant.jobs.create({ request, method, base, parent, evals }, idempotency)),
    );
  });
});

jobs.openapi(list, async (c) => answer(c, await c.var.caller.object.jobs.list(jobFilter(c.req.valid("query")))));

jobs.openapi(get, async (c) => answer(c, await c.var.caller.object.jobs.get(c.req.valid("param").fine_tuning_job_id)));

jobs.openapi(change("cancel", "End a job without publishing anything"), async (c) =>
  answer(c, await c.var.caller.object.jobs.cancel(c.req.valid("param").fine_tuning_job_id)),
);

jobs.openapi(change("pause", "Set a job aside at its next checkpoint"), async (c) =>
  answer(c, await c.var.caller.object.jobs.pause(c.req.valid("param").fine_tuning_job_id)),
);

jobs.openapi(change("resume", "Queue a paused job again"), async (c) =>
  answer(c, await c.var.caller.object.jobs.resume(c.req.valid("param").fine_tuning_job_id)),
);

jobs.openapi(events, async (c) => {
  const { fine_tuning_job_id: id } = c.req.valid("param");
  const { stream, ...page } = c.req.valid("query");
  const tenant = c.var.caller.object;
  const wantsStream = stream === "true" || (c.req.header("accept") ?? "").includes("text/event-stream");
  if (wantsStream && stream !== "false") {
    await tenant.jobs.get(id);
    return streamEvents(tenant, id) as never;
  }
  return c.json(await tenant.events.list(id, page), 200);
});

jobs.openapi(checkpoints, async (c) =>
  c.json(
    await c.var.caller.object.checkpoints.list(c.req.valid("param").fine_tuning_job_id, c.req.valid("query")),
    200,
  ),
);
