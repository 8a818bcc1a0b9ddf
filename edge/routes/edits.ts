import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import {
  CheckEdits,
  CreateEdit,
  Edit,
  EditCheck,
  EditList,
  EditListQuery,
  MergeEdits,
} from "../../shared/api/edits.ts";
import { Deleted } from "../../shared/api/lists.ts";
import type { MethodOf } from "../../shared/api/methods.ts";
import { WaitQuery, waitMs } from "../../shared/api/wait.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { heapLimitBytes } from "../env.ts";
import type { NewEditJob } from "../objects/tenant/edits/edit-jobs.ts";
import type { RemovedFact } from "../objects/tenant/edits/edits.ts";
import type { AppEnv } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { awaitJob } from "./await-job.ts";
import { answeredEdit } from "./edit-answer.ts";
import { checkAgainstEarlier } from "./edit-check.ts";
import { requireSoundFacts, storedFacts, withStoredFacts } from "./edit-facts.ts";
import { mergeEdits } from "./edit-merge.ts";
import { checkEditMethod, editTarget, servedOptions } from "./edit-target.ts";
import { onceAgain } from "./idempotent.ts";
import { jsonBody, jsonBodyIfAny, jsonBodyUpTo } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ edit_id: z.string().max(64) });
const tags = ["Edits"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBodyUpTo(LIMITS.editBody),
  summary: "Edit facts, or other behaviour, into a model",
  description:
    "A job on trainers' lane for edits solves them; with `wait`, the reply is the edit when it has ended. The edit is a delta: deleting it restores the model exactly.",
  request: { body: jsonRequest(CreateEdit) },
  responses: replies(Edit, "The edit: queued, or as far as it is when `wait` is over"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List edits, newest first, without their facts",
  request: { query: EditListQuery },
  responses: replies(EditList, "A page of edits"),
});

const get = createRoute({
  method: "get",
  path: "/{edit_id}",
  tags,
  security,
  summary: "Describe an edit and each of its facts",
  request: { params },
  responses: replies(Edit, "The edit"),
});

const cancel = createRoute({
  method: "post",
  path: "/{edit_id}/cancel",
  tags,
  security,
  summary: "End an edit's solve without publishing anything; or that of a fact's removal, and keep the edit as it was",
  request: { params },
  responses: replies(Edit, "The edit"),
});

const remove = createRoute({
  method: "delete",
  path: "/{edit_id}",
  tags,
  security,
  summary: "Undo an edit: its delta, its model and its facts; models that were solved on it go on without it",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

const removeFact = createRoute({
  method: "delete",
  path: "/{edit_id}/facts/{fact}",
  tags,
  security,
  middleware: jsonBodyIfAny,
  summary: "Undo one fact of an edit by solving the others again; the edit serves as it was until that has succeeded",
  request: {
    params: params.extend({ fact: z.coerce.number().int().min(0).max(LIMITS.editFacts) }),
    query: WaitQuery,
  },
  responses: replies(z.union([Edit, Deleted]), "The edit; where it was the last fact, that the edit was deleted"),
});

const merge = createRoute({
  method: "post",
  path: "/merge",
  tags,
  security,
  middleware: jsonBody,
  summary: "Merge edits of one base into a single one, whose delta is their exact sum",
  request: { body: jsonRequest(MergeEdits) },
  responses: replies(Edit, "The new edit; those that it was made of stay"),
});

const check = createRoute({
  method: "post",
  path: "/check",
  tags,
  security,
  middleware: jsonBodyUpTo(LIMITS.editBody),
  summary:
    "Find what facts would conflict with, before they are edited: each other, and the edits that they are solved on",
  request: { body: jsonRequest(CheckEdits) },
  responses: replies(EditCheck, "The conflicts"),
});

export const edits = subApp();
edits.use("*", tenantAuth());

/** Answers with an edit as it is when it has ended, or when `wait` is over. */
async function answer(
  c: Context<AppEnv>,
  id: string,
  job: string | null,
  wait: boolean | number = false,
): Promise<Edit> {
  const tenant = c.var.caller.object;
  if (job !== null) await awaitJob(tenant, job, waitMs(wait));
  return answeredEdit(c.env.BLOBS, await tenant.edits.get(id));
}

edits.openapi(create, async (c) => {
  const request = c.req.valid("json");
  const tenant = c.var.caller.object;
  const made = async (id: string, job: string | null) => c.json(await answer(c, id, job, request.wait), 200);
  return onceAgain(
    c,
    tenant,
    async (key) => {
      requireSoundFacts(request.facts);
      const serving = { blobs: c.env.BLOBS, heapLimitBytes: heapLimitBytes(c.env) };
      const target = await editTarget(tenant, serving, request);
      const { base, stack, config } = target;
      const on = stack.map(({ artefact: id, weight }) => ({ id, weight }));
      const options = servedOptions(request.options, target);
      const method: MethodOf<"edit"> = {
        type: "edit",
        edit: { method: request.method, options, on, check_only: false },
      };
      checkEditMethod(method, config);
      const asked: Omit<NewEditJob, "file"> = {
        kind: "edit",
        model: request.model,
        base,
        stack,
        method,
        statisticsFile: request.statistics_file ?? null,
        seed: request.seed ?? null,
        suffix: request.suffix ?? null,
        metadata: request.metadata ?? null,
      };
      const { id, job } = await withStoredFacts(tenant, c.env.BLOBS, request.facts, (file) =>
        tenant.edits.create({ ...asked, file }, key),
      );
      return made(id, job);
    },
    async ({ id }) => made(id, (await tenant.edits.get(id)).edit.job),
  );
});

edits.openapi(list, async (c) => c.json(await c.var.caller.object.edits.list(c.req.valid("query")), 200));

edits.openapi(get, async (c) => c.json(await answer(c, c.req.valid("param").edit_id, null), 200));

edits.openapi(cancel, async (c) => {
  const { edit_id: id } = c.req.valid("param");
  await c.var.caller.object.edits.cancel(id);
  return c.json(await answer(c, id, null), 200);
});

edits.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.edits.delete(c.req.valid("param").edit_id, null), 200),
);

edits.openapi(removeFact, async (c) => {
  const { edit_id: id, fact } = c.req.valid("param");
  const { wait } = c.req.valid("query");
  const tenant = c.var.caller.object;
  return onceAgain(
    c,
    tenant,
    async (key) => {
      const { edit, facts: source } = await tenant.edits.get(id);
      const { total } = edit.fact_counts;
      if (fact >= total) {
        const message = `The edit ${id} has the facts 0 to ${total - 1}, and no fact ${fact}.`;
        throw new TrimtabError("not_found", message, { param: "fact" });
      }
      await tenant.edits.requireRemovable(id);
      if (total === 1) return c.json(await tenant.edits.delete(id, key), 200);
      const facts = await storedFacts(c.env.BLOBS, source!);
      const left = facts.filter((_, index) => index !== fact);
      const job = await withStoredFacts(tenant, c.env.BLOBS, left, (file) =>
        tenant.edits.removeFact(id, { fact, file }, key),
      );
      return c.json(await answer(c, id, job, wait), 200);
    },
    async (made: RemovedFact | Deleted) => c.json("job" in made ? await answer(c, id, made.job, wait) : made, 200),
  );
});

edits.openapi(merge, async (c) => {
  const tenant = c.var.caller.object;
  return onceAgain(
    c,
    tenant,
    async (key) => c.json(await answer(c, await mergeEdits(c, c.req.valid("json"), key), null), 200),
    async ({ id }) => c.json(await answer(c, id, null), 200),
  );
});

edits.openapi(check, async (c) => c.json(await checkAgainstEarlier(c, c.req.valid("json")), 200));
