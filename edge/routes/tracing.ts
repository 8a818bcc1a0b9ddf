import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { z } from "zod";
import { CausalTracingSettings } from "../../shared/api/edit-settings.ts";
import type { MethodOf } from "../../shared/api/methods.ts";
import { ModelTracing, TraceFacts, TracingQuery } from "../../shared/api/tracing.ts";
import { waitMs } from "../../shared/api/wait.ts";
import { FactCheck } from "../../shared/edits/check-facts.ts";
import { EditFact } from "../../shared/edits/fact.ts";
import { decodeTracing, TRACING_FILE, type Tracing } from "../../shared/edits/tracing.ts";
import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";
import { PROBES_FILE, parseProbes } from "../../shared/evaluation/probes.ts";
import { LIMITS } from "../../shared/limits.ts";
import { tracingMap } from "../../shared/plot/tracing-map.ts";
import type { BlobSource } from "../blobs/blob-source.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { ReadyBase } from "../objects/dispatcher/base-rows.ts";
import { dispatcherObject } from "../objects/remote.ts";
import { ownError } from "../objects/tenant/edits/own-error.ts";
import type { AppEnv } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { awaitJob } from "./await-job.ts";
import { requireSoundFacts, storedText, withStoredFacts } from "./edit-facts.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ model: z.string().max(300) });
const tags = ["Edits"];
const security = TENANT_SECURITY;
const SVG = "image/svg+xml";
/** Seconds after which a client asks again for a tracing that takes longer. */
const RETRY_SECONDS = 5;

const responses = {
  200: {
    description: "The tracing",
    content: { "application/json": { schema: ModelTracing }, [SVG]: { schema: { type: "string" } as const } },
  },
  202: {
    description:
      "It takes longer than the request waits. Of a base: send it again. Of your own facts: the job's result files have it",
    content: { "application/json": { schema: ModelTracing } },
  },
} as const;

const get = createRoute({
  method: "get",
  path: "/{model}/tracing",
  tags,
  security,
  summary: "Where a model recalls facts: causal tracing, as numbers or as a heat map",
  description:
    "Made once for each base, of the facts in its `evaluation.json`, and waited for up to a minute. A tuned model is shown its base's.",
  request: { params, query: TracingQuery },
  responses,
});

const trace = createRoute({
  method: "post",
  path: "/{model}/tracing",
  tags,
  security,
  middleware: jsonBody,
  summary: "Trace facts of your own, which the model knows",
  description: "The result is yours: it is not kept with the base, but among the `result_files` of the job.",
  request: { params, query: TracingQuery.pick({ format: true }), body: jsonRequest(TraceFacts) },
  responses,
});

export const tracing = subApp();
tracing.use("*", tenantAuth());

tracing.openapi(get, async (c) => {
  const { model } = c.req.valid("param");
  const { format, wait = true } = c.req.valid("query");
  const tenant = c.var.caller.object;
  const { base, tuned } = await tenant.models.base(model);
  const shown = { model, base: base.id, note: tuned === null ? null : noteOf(tuned, base.id) };
  const asked = { c, shown, format };
  const before = await keptTracing(c, base);
  if (before !== undefined) return reply(asked, before, null);
  const job =
    (await tenant.edits.tracingJob(base.id)) ??
    (await start(c, base, { source: "base", facts: await ownFacts(c, base) }));
  if (!(await awaitJob(tenant, job, waitMs(wait)))) return running(asked, job);
  return reply(asked, await read(c, await resultOf(c, job)), job);
});

/** The tracing that is kept with a base: of its own facts, made as `GET` has it made, and of the most of them. */
async function keptTracing(c: Context<AppEnv>, { id, digest }: ReadyBase): Promise<Tracing | undefined> {
  const { samples, noise } = CausalTracingSettings.parse({});
  let best: Tracing | undefined;
  for (const source of await dispatcherObject(c.env).baseArtefacts.ofKind(id, digest, "tracing")) {
    const found = await read(c, source);
    const isUsual = found.source === "base" && found.samples === samples && found.noise === noise;
    if (isUsual && found.facts > (best?.facts ?? 0)) best = found;
  }
  return best;
}

tracing.openapi(trace, async (c) => {
  const { model } = c.req.valid("param");
  const { facts: given, wait } = c.req.valid("json");
  const tenant = c.var.caller.object;
  const { base, tuned } = await tenant.models.base(model);
  const facts = given.map(({ answer, ...fact }) => knownFact({ ...fact, answer }));
  requireTraceable(facts);
  const shown = { model, base: base.id, note: tuned === null ? null : noteOf(tuned, base.id) };
  const asked = { c, shown, format: c.req.valid("query").format };
  const job = await start(c, base, { source: "file", facts });
  // Sent again, it would trace again: the result is that of this job.
  if (!(await awaitJob(tenant, job, waitMs(wait)))) return c.json(runningTracing(shown, job), 202);
  return reply(asked, await read(c, await resultOf(c, job)), job);
});

/** Throws `invalid_request` as for an edit's facts, with the fields that facts to trace have. */
function requireTraceable(facts: readonly EditFact[]): void {
  try {
    requireSoundFacts(facts);
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param === undefined) throw error;
    const { code, message, param } = error;
    const own = param.replace("target_new", "answer");
    throw new TrimtabError(code, message.replace(param, own), { param: own, cause: error });
  }
}

const noteOf = (tuned: string, base: string) =>
  `${tuned} is tuned from ${base}: this is the tracing of ${base}, without what was tuned.`;

const knownFact = ({ prompt, subject, answer }: { prompt: string; subject: string; answer: string }): EditFact =>
  EditFact.parse({ prompt, subject, target_new: answer, target_true: answer });

/** The facts of the base's `evaluation.json` that name their subject once. Throws `invalid_request` for a base without any. */
async function ownFacts(c: Context<AppEnv>, base: ReadyBase): Promise<EditFact[]> {
  const reader = new FolderReader(c.env.BLOBS, base);
  const probes = reader.has(PROBES_FILE) ? parseProbes(await reader.bytes(PROBES_FILE)) : undefined;
  const check = new FactCheck();
  const facts = (probes?.facts ?? []).flatMap(({ prompt, subject, answer }) => {
    if (subject === undefined) return [];
    const fact = knownFact({ prompt, subject, answer });
    return check.add(fact) === undefined ? [fact] : [];
  });
  if (facts.length > 0) return facts.slice(0, LIMITS.tracedFacts);
  const message = `The base ${base.id} came without facts to trace: its folder has no ${PROBES_FILE} that has any. Send some to POST /v1/models/${encodeURIComponent(base.id)}/tracing as {"facts": [{"prompt", "subject", "answer"}]}.`;
  throw new TrimtabError("invalid_request", message, { param: "model" });
}

/** Starts a job that traces; returns its id. */
async function start(
  c: Context<AppEnv>,
  { config: _, ...base }: ReadyBase,
  { source, facts }: { readonly source: "base" | "file"; readonly facts: readonly EditFact[] },
): Promise<string> {
  const tenant = c.var.caller.object;
  const method: MethodOf<"causal_tracing"> = {
    type: "causal_tracing",
    causal_tracing: CausalTracingSettings.parse({ source }),
  };
  const kind = source === "base" ? ("tracing" as const) : ("check" as const);
  const asked = {
    ...{ kind, model: base.id, base, stack: [], method, statisticsFile: null, seed: 0, suffix: null, metadata: null },
  } as const;
  const { job } = await withStoredFacts(tenant, c.env.BLOBS, facts, (file) =>
    tenant.edits.create({ ...asked, file }, null),
  );
  return job;
}

/** What a job has found. Throws the job's error. */
async function resultOf(c: Context<AppEnv>, job: string): Promise<BlobSource> {
  const tenant = c.var.caller.object;
  const { status, error } = await tenant.jobs.get(job);
  if (error !== null) {
    const { code, message, param } = ownError(error);
    throw new TrimtabError(code as ErrorCode, message, param === null ? {} : { param });
  }
  const source = await tenant.files.ofJob(job, TRACING_FILE);
  if (source !== null) return source;
  throw new TrimtabError(
    "internal_error",
    `The job ${job} (${status}) has left no ${TRACING_FILE}. Send the request again.`,
  );
}

async function read(c: Context<AppEnv>, source: BlobSource): Promise<Tracing> {
  return decodeTracing(new TextEncoder().encode(await storedText(c.env.BLOBS, source)));
}

interface Asked {
  readonly c: Context<AppEnv>;
  readonly shown: Pick<ModelTracing, "model" | "base" | "note">;
  readonly format: "json" | "svg" | undefined;
}

function reply({ c, shown, format }: Asked, found: Tracing, job: string | null) {
  const type = accepts(c, { header: "Accept", supports: ["application/json", SVG], default: "application/json" });
  if (format === "svg" || (format === undefined && type === SVG)) {
    const headers = { "content-type": SVG, vary: "accept", "x-content-type-options": "nosniff" };
    return new Response(tracingMap(found, shown.base), { headers }) as never;
  }
  const value: ModelTracing = { object: "tracing", ...shown, status: "succeeded", job, tracing: found };
  return c.json(value, 200);
}

function running({ c, shown }: Asked, job: string) {
  return c.json(runningTracing(shown, job), 202, { "retry-after": String(RETRY_SECONDS) });
}

const runningTracing = (shown: Asked["shown"], job: string): ModelTracing => ({
  object: "tracing",
  ...shown,
  status: "running",
  job,
  tracing: null,
});
