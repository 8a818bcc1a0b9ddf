/** What a replay under an Idempotency-Key may do, over every route of the OpenAPI document that creates something. */
import { beforeAll, describe, expect, it } from "vitest";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { adapterForm } from "../support/adapter-form.ts";
import { ADMIN_TOKEN, Api, CHAT_LINES, datasetForm } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { fileList, TINY_CONFIG, tinyBase } from "../support/tiny-base.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const tenantPath = "/v1/admin/tenants/replayed";
const base = "replay-base";
let key: string;
/** Things that the creations name. */
const own: Record<string, string> = {};

interface Creation {
  /** The path, where it names something. */
  readonly path?: () => string;
  readonly body: () => unknown;
  /** What the creation made, as it is deleted and read. */
  readonly thing: (made: Record<string, string>) => string;
  /** Where it is listed, for a thing that has no page of its own: it is told by its id. */
  readonly listed?: () => string;
  readonly admin?: true;
  /** Whether the replay gets the thing as it is, and so nothing of one that was deleted. */
  readonly asItIs?: true;
}

function adapter(fill = 1): FormData {
  const name = "base_model.model.model.layers.0.self_attn.q_proj";
  const width = TINY_CONFIG.hidden_size;
  const tensors = new Map([
    [`${name}.lora_A.weight`, f32([1, width], new Array(width).fill(fill))],
    [`${name}.lora_B.weight`, f32([width, 1], new Array(width).fill(1))],
  ]);
  const config = { peft_type: "LORA", r: 1, lora_alpha: 1, target_modules: ["layers.0.self_attn.q_proj"] };
  return adapterForm(adapterFiles(config, tensors), { model: base });
}

const check = { type: "string_check", name: "same", operation: "eq", input: "{{item.a}}", reference: "a" };
const evalBody = { data_source_config: { type: "custom", item_schema: {} }, testing_criteria: [check] };
const file = (made: Record<string, string>) => `/v1/files/${made.id}`;
const permissions = () => `/v1/fine_tuning/checkpoints/${encodeURIComponent(own.model!)}/permissions`;
const projectBody = { name: "gait", task: "pairwise", prompts: ["a"], sampling: { sources: [{ model: base }] } };

const CREATIONS: Readonly<Record<string, Creation>> = {
  "/v1/admin/tenants": { admin: true, body: () => ({ id: "made-once" }), thing: ({ id }) => `/v1/admin/tenants/${id}` },
  "/v1/admin/tenants/{tenant}/keys": {
    admin: true,
    asItIs: true,
    path: () => `${tenantPath}/keys`,
    body: () => ({ name: "ci" }),
    thing: ({ id }) => `${tenantPath}/keys/${id}`,
    listed: () => `${tenantPath}/keys`,
  },
  "/v1/admin/models": {
    admin: true,
    body: async () => ({ id: "announced-once", files: await fileList(tinyBase()) }),
    thing: ({ id }) => `/v1/admin/models/${id}`,
  },
  "/v1/files": { body: () => datasetForm(CHAT_LINES), thing: file },
  "/v1/datasets/fix": {
    body: () => ({ file: own.copies, drop: ["refusals"] }),
    thing: ({ result }) => `/v1/files/${result}`,
  },
  "/v1/deltas": { body: () => adapter(), thing: ({ id }) => `/v1/deltas/${id}` },
  "/v1/deltas/merge": {
    body: () => ({ model: base, deltas: [{ id: own.delta, weight: 0.5 }] }),
    thing: ({ id }) => `/v1/deltas/${id}`,
  },
  "/v1/aliases": { body: () => ({ id: "stand-in", model: base }), thing: ({ id }) => `/v1/aliases/${id}` },
  "/v1/constitutions": {
    body: () => ({ name: "law", principles: [{ principle: "Be kind." }] }),
    thing: ({ id }) => `/v1/constitutions/${id}`,
  },
  "/v1/steering/presets": {
    body: () => ({ name: "calm", steering: {} }),
    thing: ({ id }) => `/v1/steering/presets/${id}`,
  },
  "/v1/steering/scorers": {
    body: () => ({ name: "judge", url: "https://scores.trimtab.dev/" }),
    thing: ({ id }) => `/v1/steering/scorers/${id}`,
  },
  "/v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions": {
    path: permissions,
    body: () => ({ project_ids: ["replayed"] }),
    thing: ({ first_id }) => `${permissions()}/${first_id}`,
    listed: permissions,
  },
  "/v1/evals": { body: () => evalBody, thing: ({ id }) => `/v1/evals/${id}` },
  "/v1/evals/{eval_id}/runs": {
    asItIs: true,
    path: () => `/v1/evals/${own.eval}/runs`,
    body: () => ({ data_source: { type: "jsonl", source: { type: "file_content", content: [{ item: { a: "a" } }] } } }),
    thing: ({ id }) => `/v1/evals/${own.eval}/runs/${id}`,
  },
  "/v1/labeling/projects": { body: () => projectBody, thing: ({ id }) => `/v1/labeling/projects/${id}` },
  "/v1/feedback": {
    body: () => ({ completion_id: own.completion, verdict: { type: "thumbs", value: "up" } }),
    thing: ({ id }) => `/v1/feedback/${id}`,
  },
  "/v1/feedback/export": { body: () => ({ format: "unpaired" }), thing: file },
  "/v1/edits": {
    asItIs: true,
    body: () => ({
      model: base,
      facts: [{ prompt: "The capital of Peru is", subject: "Peru", target_new: "Cusco" }],
    }),
    thing: ({ id }) => `/v1/edits/${id}`,
  },
};

/** Routes that make nothing which could be deleted, and why. */
const OTHERS: Readonly<Record<string, string>> = {
  "/detokenize": "computes",
  "/tokenize": "computes",
  "/v1/detokenize": "computes",
  "/v1/tokenize": "computes",
  "/v1/chat/completions": "takes no key",
  "/v1/completions": "takes no key",
  "/v1/responses": "takes no key",
  "/v1/chat/completions/{completion_id}": "changes",
  "/v1/rewards": "computes",
  "/v1/steering/sweep": "computes",
  "/v1/models/{model}/tracing": "computes",
  "/v1/peft/compare": "computes",
  "/v1/preferences/inspect": "computes",
  "/v1/datasets/inspect": "computes",
  "/v1/datasets/preview": "computes",
  "/v1/edits/check": "computes",
  "/v1/fine_tuning/alpha/graders/run": "computes",
  "/v1/fine_tuning/alpha/graders/validate": "computes",
  "/v1/fine_tuning/jobs": "jobs are never deleted",
  "/v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel": "takes no key",
  "/v1/fine_tuning/jobs/{fine_tuning_job_id}/pause": "takes no key",
  "/v1/fine_tuning/jobs/{fine_tuning_job_id}/resume": "takes no key",
  "/v1/admin/models/{id}/check": "computes",
  "/v1/admin/models/{id}/publish": "takes no key",
  "/v1/aliases/{alias}": "changes",
  "/v1/aliases/{alias}/rollback": "changes",
  "/v1/constitutions/{constitution}": "changes",
  "/v1/steering/presets/{preset}": "changes",
  "/v1/steering/presets/{preset}/rollback": "changes",
  "/v1/edits/{edit_id}/cancel": "takes no key",
  "/v1/edits/merge": "answers as POST /v1/edits does",
  "/v1/evals/{eval_id}": "changes",
  "/v1/evals/{eval_id}/runs/{run_id}": "takes no key",
  "/v1/evals/{eval_id}/runs/{run_id}/cancel": "takes no key",
  "/v1/labeling/projects/{project_id}/samples": "goes with its project",
  "/v1/labeling/projects/{project_id}/labels": "goes with its project",
  "/v1/labeling/projects/{project_id}/judge": "goes with its project",
  "/v1/labeling/projects/{project_id}/export": "answers as POST /v1/feedback/export does",
};

beforeAll(async () => {
  await api.base(base);
  key = await api.tenant("replayed");
  const messages = [{ role: "user", content: "hi" }];
  const made = async (path: string, body: unknown) => (await api.call<{ id: string }>("POST", path, { key, body })).id;
  await made("/v1/fine_tuning/jobs", { model: base, training_file: await api.dataset(key) });
  own.model = (await new FakeTrainer(api).work()).model;
  own.delta = await made("/v1/deltas", adapter(2));
  const refusal = [...messages, { role: "assistant", content: "I'm sorry, but I can't help with that." }];
  own.copies = await api.dataset(key, [CHAT_LINES[0], { messages: refusal }]);
  own.eval = await made("/v1/evals", evalBody);
  own.completion = await made("/v1/chat/completions", { model: base, messages, store: true });
  for (const value of ["up", "down"]) {
    const rated = await made("/v1/chat/completions", { model: base, messages, store: true });
    await made("/v1/feedback", { completion_id: rated, verdict: { type: "thumbs", value } });
  }
});

describe("a replay", () => {
  it("is tried on every route that creates something", async () => {
    const { paths } = await api.call<{ paths: Record<string, object> }>("GET", "/openapi.json");
    const posts = Object.keys(paths).filter((path) => "post" in paths[path]!);
    const told = [...Object.keys(CREATIONS), ...Object.keys(OTHERS)];
    expect(posts.filter((path) => !path.startsWith("/v1/trainer")).sort()).toEqual(told.sort());
  });

  it.each(Object.entries(CREATIONS))("of POST %s brings back nothing that was deleted", async (template, creation) => {
    const { path = () => template, body, thing, listed, admin, asItIs = false } = creation;
    const as = admin ? ADMIN_TOKEN : key;
    const sent = (await body()) as object;
    const headers = { "idempotency-key": `replay ${template}` };
    const post = () => api.send("POST", path(), { key: as, body: sent, headers });
    const first = await post();
    const text = await first.text();
    expect(first.status, text).toBe(200);
    const made = JSON.parse(text) as Record<string, string>;
    const again = await post();
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    if (!asItIs || template.endsWith("keys")) expect(await again.json()).toEqual(made);

    const id = thing(made).split("/").at(-1)!;
    const isThere = async () => {
      if (listed === undefined) return (await api.send("GET", thing(made), { key: as })).status === 200;
      return JSON.stringify(await api.call("GET", listed(), { key: as })).includes(id);
    };
    expect(await isThere()).toBe(true);
    await api.call("DELETE", thing(made), { key: as });
    expect(await isThere()).toBe(false);
    const replayed = await post();
    expect([replayed.status, replayed.headers.get("idempotent-replayed")]).toEqual([asItIs ? 404 : 200, "true"]);
    if (asItIs) {
      expect(await replayed.json()).toMatchObject({
        error: {
          code: "not_found",
          param: "idempotency-key",
          message: expect.stringContaining("does not bring it back"),
        },
      });
    } else expect(await replayed.text()).toBe(text);
    expect(await isThere()).toBe(false);
  });

  it("of a key's creation does not open its tenant again once the key was revoked", async () => {
    const create = () =>
      api.send("POST", `${tenantPath}/keys`, { key: ADMIN_TOKEN, body: {}, headers: { "idempotency-key": "revoked" } });
    const made = (await (await create()).json()) as { id: string; key: string };
    await api.call("GET", "/v1/files", { key: made.key });
    await api.call("DELETE", `${tenantPath}/keys/${made.id}`, { key: ADMIN_TOKEN });
    expect((await create()).status).toBe(404);
    expect(await api.refusal("GET", "/v1/files", { key: made.key })).toMatchObject({ status: 401 });
  });
});
