import { createRoute } from "@hono/zod-openapi";
import {
  DatasetFix,
  DatasetInspection,
  DatasetPreview,
  FixDataset,
  InspectDataset,
  PreviewDataset,
} from "../../shared/api/datasets.ts";
import { LIMITS } from "../../shared/limits.ts";
import { Pace } from "../pace/pace.ts";
import { tenantAuth } from "./auth.ts";
import { fixDataset } from "./fix-dataset.ts";
import { once } from "./idempotent.ts";
import { inspectDataset } from "./inspect-dataset.ts";
import { jsonBody } from "./json-body.ts";
import { previewDataset } from "./preview-dataset.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { Turns } from "./turns.ts";

const tags = ["Datasets"];
const security = TENANT_SECURITY;

const inspect = createRoute({
  method: "post",
  path: "/inspect",
  tags,
  security,
  middleware: jsonBody,
  summary: "Look at a dataset: lengths, copies, contamination, roles, languages, diversity, refusals, personal data",
  request: { body: jsonRequest(InspectDataset) },
  responses: replies(DatasetInspection, "What the dataset looks like"),
});

const preview = createRoute({
  method: "post",
  path: "/preview",
  tags,
  security,
  middleware: jsonBody,
  summary: "Show lines as a model is trained on them, with the tokens that it learns to write",
  request: { body: jsonRequest(PreviewDataset) },
  responses: replies(DatasetPreview, "The lines"),
});

const fix = createRoute({
  method: "post",
  path: "/fix",
  tags,
  security,
  middleware: jsonBody,
  summary: "Drop lines of a dataset by rules, and write what stays as a new file",
  request: { body: jsonRequest(FixDataset) },
  responses: replies(DatasetFix, "The new file, and what was dropped"),
});

/** Each piece of work may take `LIMITS.inspectedBytes` of memory. */
const turns = new Turns({ what: "inspections", most: LIMITS.waitingInspections, mostOfTenant: 4 });

export const datasets = subApp();
datasets.use("*", tenantAuth());

datasets.openapi(inspect, async (c) => {
  const { id, object: tenant } = c.var.caller;
  const report = await turns.take(id, () =>
    inspectDataset({ tenant, blobs: c.env.BLOBS, pace: new Pace(id) }, c.req.valid("json")),
  );
  return c.json(report, 200);
});

datasets.openapi(preview, async (c) => {
  const { id, object: tenant } = c.var.caller;
  const place = { tenant, blobs: c.env.BLOBS, pace: new Pace(id) };
  return c.json(await previewDataset(place, c.req.valid("json")), 200);
});

datasets.openapi(fix, (c) => {
  const { id, object: tenant } = c.var.caller;
  return once(c, tenant, async (key) => {
    const place = { tenant, blobs: c.env.BLOBS, pace: new Pace(id) };
    return c.json(await turns.take(id, () => fixDataset(place, c.req.valid("json"), key)), 200);
  });
});
