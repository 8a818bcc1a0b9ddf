import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import {
  Acknowledged,
  Completion,
  CompletionReply,
  EventBatch,
  EventBatchReply,
  Failure,
  Heartbeat,
  HeartbeatReply,
  Lease,
  LeaseRequest,
  ModelQuestion,
  ModelReply,
  PublishCheckpoint,
  PublishReply,
  Release,
} from "../../shared/api/trainer.ts";
import type { Question } from "../../shared/graders/kind.ts";
import { dispatcherObject, tenantObject } from "../objects/remote.ts";
import { requireAdmitted, tokenAuth } from "./auth.ts";
import { askJobModel } from "./grader-models.ts";
import { jsonBodyWithNulls } from "./json-body.ts";
import { HoldHeaders, heldJob, jsonRequest, replies, subApp, TRAINER_SECURITY } from "./route.ts";

const params = z.strictObject({ job: z.string().max(64) });
const tags = ["Trainers"];
const security = TRAINER_SECURITY;
const headers = HoldHeaders;
const middleware = jsonBodyWithNulls;

const lease = createRoute({
  method: "post",
  path: "/leases",
  tags,
  security,
  middleware,
  summary: "Lease the next job",
  request: { body: jsonRequest(LeaseRequest) },
  responses: { ...replies(Lease, "A job to train"), 204: { description: "There is nothing to do" } },
});

const heartbeat = createRoute({
  method: "post",
  path: "/jobs/{job}/heartbeat",
  tags,
  security,
  middleware,
  summary: "Extend a lease and find out whether to stop",
  request: { params, headers, body: jsonRequest(Heartbeat) },
  responses: replies(HeartbeatReply, "What to do"),
});

const events = createRoute({
  method: "post",
  path: "/jobs/{job}/events",
  tags,
  security,
  middleware,
  summary: "Report events; each is stored once",
  request: { params, headers, body: jsonRequest(EventBatch) },
  responses: replies(EventBatchReply, "How many were new"),
});

const ask = createRoute({
  method: "post",
  path: "/jobs/{job}/ask",
  tags,
  security,
  middleware,
  summary: "Ask a model of the tenant's, as a grader or a judge does; within the tenant's limits, and charged to it",
  request: { params, headers, body: jsonRequest(ModelQuestion) },
  responses: replies(ModelReply, "The answer, or why the model gave none"),
});

const publish = createRoute({
  method: "post",
  path: "/jobs/{job}/checkpoints/{step}/publish",
  tags,
  security,
  middleware,
  summary: "Publish a checkpoint whose artefacts are stored",
  request: {
    params: params.extend({ step: z.coerce.number().int().min(0) }),
    headers,
    body: jsonRequest(PublishCheckpoint),
  },
  responses: replies(PublishReply, "The checkpoint's model"),
});

const complete = createRoute({
  method: "post",
  path: "/jobs/{job}/complete",
  tags,
  security,
  middleware,
  summary: "Complete a job: publish its result, whose artefacts are stored, or nothing where its type allows that",
  request: { params, headers, body: jsonRequest(Completion) },
  responses: replies(CompletionReply, "The fine-tuned model"),
});

const fail = createRoute({
  method: "post",
  path: "/jobs/{job}/fail",
  tags,
  security,
  middleware,
  summary: "Fail a job that cannot be completed",
  request: { params, headers, body: jsonRequest(Failure) },
  responses: replies(Acknowledged, "The job's status"),
});

const release = createRoute({
  method: "post",
  path: "/jobs/{job}/release",
  tags,
  security,
  middleware,
  summary: "Hand a job back without a result",
  request: { params, headers, body: jsonRequest(Release) },
  responses: replies(Acknowledged, "The job's status"),
});

export const trainer = subApp();
trainer.use("*", tokenAuth("TRAINER_TOKEN"));

trainer.openapi(lease, async (c) => {
  const leased = await dispatcherObject(c.env).leases.take(c.req.valid("json"));
  return leased === null ? c.body(null, 204) : c.json(leased, 200);
});

trainer.openapi(heartbeat, async (c) => {
  const { tenant, hold } = heldJob(c.req.valid("param").job, c.req.valid("header"));
  return c.json(await tenantObject(c.env, tenant).leases.heartbeat(hold, c.req.valid("json")), 200);
});

trainer.openapi(events, async (c) => {
  const { tenant, hold } = heldJob(c.req.valid("param").job, c.req.valid("header"));
  return c.json(await tenantObject(c.env, tenant).events.add(hold, c.req.valid("json").events), 200);
});

trainer.openapi(ask, async (c) => {
  const { tenant, hold } = heldJob(c.req.valid("param").job, c.req.valid("header"));
  const object = tenantObject(c.env, tenant);
  await object.leases.check(hold);
  requireAdmitted(c, await object.account.admit("generation"));
  c.set("caller", { id: tenant, object });
  return c.json(await askJobModel(c, c.req.valid("json") as Question), 200);
});

trainer.openapi(publish, async (c) => {
  const { job, step } = c.req.valid("param");
  const { tenant, hold } = heldJob(job, c.req.valid("header"));
  return c.json(
    { model: await tenantObject(c.env, tenant).results.publishCheckpoint(hold, step, c.req.valid("json")) },
    200,
  );
});

trainer.openapi(complete, async (c) => {
  const { tenant, hold } = heldJob(c.req.valid("param").job, c.req.valid("header"));
  return c.json({ model: await tenantObject(c.env, tenant).results.complete(hold, c.req.valid("json")) }, 200);
});

trainer.openapi(fail, async (c) => {
  const { tenant, hold } = heldJob(c.req.valid("param").job, c.req.valid("header"));
  return c.json({ status: await tenantObject(c.env, tenant).leases.fail(hold, c.req.valid("json").error) }, 200);
});

trainer.openapi(release, async (c) => {
  const { tenant, hold } = heldJob(c.req.valid("param").job, c.req.valid("header"));
  return c.json({ status: await tenantObject(c.env, tenant).leases.release(hold, c.req.valid("json").reason) }, 200);
});
