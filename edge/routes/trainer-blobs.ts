/** The bytes that trainers read and write for the jobs they hold. */
import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { ARTEFACT_KIND_NAMES } from "../../shared/api/artefact-kinds/registry.ts";
import { checkFileName } from "../../shared/api/artefacts.ts";
import { baseArtefactKind } from "../../shared/api/base-artefacts/registry.ts";
import { Digest } from "../../shared/api/ids.ts";
import { ArtefactReply, CheckpointReply, KeptFileReply, TRAINER_HEADERS } from "../../shared/api/trainer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { BlobSource } from "../blobs/blob-source.ts";
import { keptDataset } from "../blobs/kept-dataset.ts";
import { storeBody } from "../blobs/store-body.ts";
import { verifiedBlob } from "../blobs/verified-stream.ts";
import { dispatcherObject, tenantObject } from "../objects/remote.ts";
import type { SourceName } from "../objects/tenant/sources.ts";
import type { AppEnv } from "./app-env.ts";
import { tokenAuth } from "./auth.ts";
import {
  bytesReply,
  type HeldJob,
  HoldHeaders,
  heldJob,
  replies,
  streamedRequest,
  subApp,
  TRAINER_SECURITY,
} from "./route.ts";

const params = z.strictObject({ job: z.string().max(64) });
const step = z.coerce.number().int().min(0);
const tags = ["Trainers"];
const security = TRAINER_SECURITY;
const headers = HoldHeaders;
const StoreHeaders = HoldHeaders.extend({ [TRAINER_HEADERS.sha256]: Digest });

const readBase = createRoute({
  method: "get",
  path: "/jobs/{job}/base/{name}",
  tags,
  security,
  summary: "Read a file of the job's base model",
  request: { params: params.extend({ name: z.string().max(128) }), headers },
  responses: bytesReply("The file"),
});

const readParent = createRoute({
  method: "get",
  path: "/jobs/{job}/parent/{name}",
  tags,
  security,
  summary: "Read a file of the tuned model that the job continues from",
  request: { params: params.extend({ name: z.string().max(128) }), headers },
  responses: bytesReply("The file"),
});

const readModel = createRoute({
  method: "get",
  path: "/jobs/{job}/models/{index}/{name}",
  tags,
  security,
  summary: "Read a file of a delta that the job's method names",
  request: {
    params: params.extend({ index: z.coerce.number().int().min(0).max(1000), name: z.string().max(128) }),
    headers,
  },
  responses: bytesReply("The file"),
});

const readFile = createRoute({
  method: "get",
  path: "/jobs/{job}/files/{file_id}",
  tags,
  security,
  summary: "Read one of the job's datasets",
  request: { params: params.extend({ file_id: z.string().max(64) }), headers },
  responses: bytesReply("The dataset"),
});

const readResume = createRoute({
  method: "get",
  path: "/jobs/{job}/checkpoints/{step}",
  tags,
  security,
  summary: "Read the resume state of the newest checkpoint",
  request: { params: params.extend({ step }), headers },
  responses: bytesReply("The resume state"),
});

const storeResume = createRoute({
  method: "put",
  path: "/jobs/{job}/checkpoints/{step}",
  tags,
  security,
  summary: "Store a resume state; it is the newest once its bytes are stored",
  request: {
    params: params.extend({ step }),
    headers: StoreHeaders,
    body: streamedRequest("application/octet-stream"),
  },
  responses: replies(CheckpointReply, "What was stored"),
});

const storeKept = createRoute({
  method: "put",
  path: "/jobs/{job}/kept/{name}",
  tags,
  security,
  summary:
    "Store a file for the job's owner, who sees it once the job has ended; a later one of the same name replaces it",
  request: {
    params: params.extend({
      name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "must be a name of small letters, digits, dots, - and _"),
    }),
    headers: StoreHeaders,
    body: streamedRequest("application/octet-stream"),
  },
  responses: replies(KeptFileReply, "What was stored"),
});

const storeArtefact = createRoute({
  method: "put",
  path: "/jobs/{job}/artefacts/{kind}/{digest}/{name}",
  tags,
  security,
  summary: "Store a file of a result; an existing file stays",
  request: {
    params: params.extend({ kind: z.enum(ARTEFACT_KIND_NAMES), digest: Digest, name: z.string().max(128) }),
    headers: StoreHeaders,
    body: streamedRequest("application/octet-stream"),
  },
  responses: replies(ArtefactReply, "Whether it is new"),
});

const readBaseArtefact = createRoute({
  method: "get",
  path: "/jobs/{job}/base_artefacts/{name}",
  tags,
  security,
  summary: "Read a file that trainers keep beside the job's base, such as its key statistics",
  request: { params: params.extend({ name: z.string().max(128) }), headers },
  responses: bytesReply("The file"),
});

const storeBaseArtefact = createRoute({
  method: "put",
  path: "/jobs/{job}/base_artefacts/{name}",
  tags,
  security,
  summary: "Keep a file beside the job's base, for all later jobs on it; an existing file stays",
  request: {
    params: params.extend({ name: z.string().max(128) }),
    headers: StoreHeaders,
    body: streamedRequest("application/octet-stream"),
  },
  responses: replies(ArtefactReply, "Whether it is new"),
});

export const trainerBlobs = subApp();
trainerBlobs.use("*", tokenAuth("TRAINER_TOKEN"));

trainerBlobs.openapi(readBase, (c) => {
  const { job, name } = c.req.valid("param");
  return read(c, heldJob(job, c.req.valid("header")), { kind: "base", name });
});

trainerBlobs.openapi(readParent, (c) => {
  const { job, name } = c.req.valid("param");
  return read(c, heldJob(job, c.req.valid("header")), { kind: "parent", name });
});

trainerBlobs.openapi(readModel, (c) => {
  const { job, index, name } = c.req.valid("param");
  return read(c, heldJob(job, c.req.valid("header")), { kind: "model", index, name });
});

trainerBlobs.openapi(readFile, (c) => {
  const { job, file_id: id } = c.req.valid("param");
  return read(c, heldJob(job, c.req.valid("header")), { kind: "file", id });
});

trainerBlobs.openapi(readResume, (c) => {
  const { job, step } = c.req.valid("param");
  return read(c, heldJob(job, c.req.valid("header")), { kind: "resume", step });
});

async function read(c: Context<AppEnv>, { tenant, hold }: HeldJob, name: SourceName): Promise<Response> {
  return send(c, await tenantObject(c.env, tenant).leases.source(hold, name));
}

async function send(c: Context<AppEnv>, source: BlobSource): Promise<Response> {
  return new Response(await verifiedBlob(c.env.BLOBS, source), {
    headers: { "content-type": "application/octet-stream", [TRAINER_HEADERS.sha256]: source.sha256 },
  });
}

trainerBlobs.openapi(storeResume, async (c) => {
  const { job, step } = c.req.valid("param");
  const { tenant, hold } = heldJob(job, c.req.valid("header"));
  const object = tenantObject(c.env, tenant);
  const bytes = announcedLength(c);
  const sha256 = c.req.valid("header")[TRAINER_HEADERS.sha256];
  const key = await object.checkpoints.beginResumeState(hold, step);
  try {
    await storeBody(c.env.BLOBS, { key, request: c.req.raw, bytes, sha256, createOnly: true });
    return c.json(await object.checkpoints.keepResumeState(hold, { key, step, bytes, sha256 }), 200);
  } catch (error) {
    await object.checkpoints.dropResumeState(key);
    throw error;
  }
});

trainerBlobs.openapi(storeKept, async (c) => {
  const { job, name } = c.req.valid("param");
  const { tenant, hold } = heldJob(job, c.req.valid("header"));
  const { results } = tenantObject(c.env, tenant);
  const bytes = announcedLength(c, LIMITS.keptFile);
  const sha256 = c.req.valid("header")[TRAINER_HEADERS.sha256];
  const key = await results.beginKept(hold, name);
  try {
    await storeBody(c.env.BLOBS, { key, request: c.req.raw, bytes, sha256, createOnly: true });
    const dataset = await keptDataset(c.env.BLOBS, { name, key });
    await results.keep(hold, { name, blob: key, bytes, sha256, dataset: dataset && JSON.stringify(dataset) });
    return c.json({ name, bytes, sha256 }, 200);
  } catch (error) {
    await results.dropKept(key);
    throw error;
  }
});

trainerBlobs.openapi(storeArtefact, async (c) => {
  const { job, kind, digest, name } = c.req.valid("param");
  const { tenant, hold } = heldJob(job, c.req.valid("header"));
  checkFileName(kind, name, "name");
  const bytes = announcedLength(c);
  const sha256 = c.req.valid("header")[TRAINER_HEADERS.sha256];
  const key = await tenantObject(c.env, tenant).results.beginFile(hold, { kind, digest, name });
  const created = await storeBody(c.env.BLOBS, { key, request: c.req.raw, bytes, sha256, createOnly: true });
  return c.json({ name, bytes, created }, 200);
});

trainerBlobs.openapi(readBaseArtefact, async (c) => {
  const { job, name } = c.req.valid("param");
  baseArtefactKind(name, "name");
  const file = await baseArtefact(c, heldJob(job, c.req.valid("header")), name);
  const source = await dispatcherObject(c.env).baseArtefacts.find(file);
  if (source === null) {
    throw new TrimtabError("not_found", `Nothing of the name ${name} is kept beside ${file.base}.`, { param: "name" });
  }
  return send(c, source);
});

trainerBlobs.openapi(storeBaseArtefact, async (c) => {
  const { job, name } = c.req.valid("param");
  const bytes = announcedLength(c, baseArtefactKind(name, "name").bytes);
  const sha256 = c.req.valid("header")[TRAINER_HEADERS.sha256];
  const file = await baseArtefact(c, heldJob(job, c.req.valid("header")), name);
  const { baseArtefacts } = dispatcherObject(c.env);
  const key = await baseArtefacts.begin(file);
  if (key === null) return c.json({ name, bytes, created: false }, 200);
  try {
    await storeBody(c.env.BLOBS, { key, request: c.req.raw, bytes, sha256, createOnly: true });
    return c.json({ name, bytes, created: await baseArtefacts.keep({ ...file, blob: key, bytes, sha256 }) }, 200);
  } catch (error) {
    await baseArtefacts.drop(key);
    throw error;
  }
});

/** A trainer reads and writes beside the bases of the jobs that it holds alone. */
async function baseArtefact(c: Context<AppEnv>, { tenant, hold }: HeldJob, name: string) {
  const { id: base, digest } = await tenantObject(c.env, tenant).leases.base(hold);
  return { base, digest, name };
}

function announcedLength(c: Context<AppEnv>, most: number = LIMITS.artefact): number {
  const length = c.req.header("content-length");
  if (length === undefined || !/^\d{1,15}$/.test(length)) {
    throw new TrimtabError("invalid_request", "Send the body with its content-length.", { param: "content-length" });
  }
  const bytes = Number(length);
  if (bytes > most) {
    throw new TrimtabError("payload_too_large", `The body is larger than ${most} bytes.`);
  }
  return bytes;
}
