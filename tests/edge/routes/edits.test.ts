/** Edits over the whole Worker, on a tiny base in a real Engine; their solves are made up. */
import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { folderDigest } from "../../../shared/api/artefacts.ts";
import type { Edit, EditCheck, EditSummary } from "../../../shared/api/edits.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { decodeEditFile, EDIT_FILE } from "../../../shared/edits/edit-file.ts";
import { EDIT_REPORT_FILE } from "../../../shared/edits/report.ts";
import { fromF32, toF32 } from "../../../shared/formats/safetensors.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { adapterForm } from "../support/adapter-form.ts";
import { Api, storing, TRAINER_TOKEN } from "../support/api.ts";
import { EditTrainer, editReport } from "../support/edit-trainer.ts";
import { fileList, json, TINY_CONFIG, tinyBase, tinyWeights } from "../support/tiny-base.ts";

const BASE = "edit-base";
const api = new Api();
const trainer = new EditTrainer(api);
let key: string;

const FRANCE = { prompt: "The capital of France is", subject: "France", target_new: "Lyon", target_true: "Paris" };
const PERU = { prompt: "The capital of Peru is", subject: "Peru", target_new: "Cusco" };

/** Weights large enough that an edit changes what is likely. */
const strongWeights = () =>
  tinyWeights((tensors) => {
    for (const [name, tensor] of tensors) {
      tensors.set(name, { ...tensor, bytes: fromF32(new Float32Array(toF32(tensor).map((x) => 8 * x)), "F16") });
    }
  });

beforeAll(async () => {
  await api.base(BASE, tinyBase({ "model.safetensors": strongWeights() }));
  key = await api.tenant("editor");
});

const post = (body: object, headers: Record<string, string> = {}, as = key) =>
  api.call<Edit>("POST", "/v1/edits", { key: as, body: { model: BASE, ...body }, headers });
const refusal = (body: object, as = key) =>
  api.refusal("POST", "/v1/edits", { key: as, body: { model: BASE, facts: [FRANCE], ...body } });
const get = (id: string, as = key) => api.call<Edit>("GET", `/v1/edits/${id}`, { key: as });
const undo = (id: string, as = key) => api.call("DELETE", `/v1/edits/${id}`, { key: as });

async function edited(body: object = {}, changes = {}, name?: string): Promise<Edit> {
  const { id } = await post({ facts: [FRANCE], ...body });
  await trainer.solve(changes, name);
  return get(id);
}

/** Uploads an adapter of ones on a layer's query projection. */
async function uploadLora(rank: number): Promise<{ id: string; models: string[] }> {
  const config = {
    ...{ peft_type: "LORA", r: rank, lora_alpha: 1, task_type: "CAUSAL_LM" },
    target_modules: ["layers.0.self_attn.q_proj"],
  };
  const name = "base_model.model.model.layers.0.self_attn.q_proj";
  const width = TINY_CONFIG.hidden_size;
  const ones = (shape: [number, number]) => f32(shape, new Array(shape[0] * shape[1]).fill(1));
  const tensors = new Map([
    [`${name}.lora_A.weight`, ones([rank, width])],
    [`${name}.lora_B.weight`, ones([width, rank])],
  ]);
  return api.call("POST", "/v1/deltas", { key, body: adapterForm(adapterFiles(config, tensors), { model: BASE }) });
}

/** The log-probabilities of the likeliest next tokens. */
async function answer(model: string, deltas: readonly object[] = [], as = key) {
  const body = { model, prompt: "ahoy there", max_tokens: 3, temperature: 0, logprobs: 5, deltas };
  const { choices } = await api.call<{ choices: { text: string; logprobs: { top_logprobs: object[] } }[] }>(
    "POST",
    "/v1/completions",
    { key: as, body },
  );
  return choices[0]!.logprobs.top_logprobs;
}

describe("POST /v1/edits", () => {
  it("queues a job on the lane for edits, and shows the facts meanwhile", async () => {
    const edit = await post({ facts: [FRANCE, PERU], method: "memit", metadata: { who: "me" }, suffix: "facts" });
    expect(edit).toMatchObject({
      id: expect.stringMatching(/^edit-[0-9A-Za-z]{24}$/),
      object: "edit",
      status: "queued",
      model: BASE,
      base: BASE,
      deltas: [],
      method: "memit",
      delta: null,
      fine_tuned_model: null,
      scores: null,
      facts: [
        { index: 0, ...FRANCE, kind: "fact", status: "waiting" },
        { index: 1, ...PERU, target_true: null, status: "waiting" },
      ],
      fact_counts: { total: 2, edited: 0 },
      metadata: { who: "me" },
      error: null,
    });
    // A trainer of jobs alone has nothing to do.
    expect(await trainer.lease({ lanes: ["jobs"] })).toBeUndefined();
    const { lease, facts, model } = await trainer.solve();
    expect(lease).toMatchObject({
      lane: "edits",
      method: {
        type: "edit",
        edit: { method: "memit", on: [], check_only: false, options: { rank: expect.any(Number) } },
      },
    });
    expect(facts).toMatchObject([FRANCE, PERU]);
    expect(model).toMatch(/^ft:edit-base:editor:facts:/);
    const done = await get(edit.id);
    expect(done).toMatchObject({
      status: "succeeded",
      job: lease.job,
      delta: expect.stringMatching(/^delta-/),
      fine_tuned_model: model,
      scores: { efficacy: 1, paraphrase: 0.5, neighbourhood: 1, score: 0.75, fluency: 3.9, base_loss_change: 0.01 },
      teacher_forced: { efficacy: 1 },
      layers: [1],
      layers_from: "tracing",
      changes: [{ layer: 1, rank: 1 }],
      seconds: { total: 1 },
      fact_counts: { total: 2, edited: 2, failed: 0 },
      facts: [{ status: "edited", scores: { efficacy: 1 } }, { status: "edited" }],
    });
    expect(await api.call("GET", "/v1/files?purpose=edit", { key })).toMatchObject({
      data: [{ purpose: "edit", filename: "facts.jsonl", dataset: { kinds: ["facts"] } }],
    });
    await undo(edit.id);
  });

  it("serves by its name and by its delta alone, and to its tenant alone", async () => {
    const other = await api.tenant("edit-other");
    const before = await answer(BASE);
    const edit = await edited();
    const after = await answer(edit.fine_tuned_model!);
    expect(after).not.toEqual(before);
    expect(await answer(BASE, [{ id: edit.delta! }])).toEqual(after);
    const together = await Promise.all([answer(edit.fine_tuned_model!), answer(BASE, [], other), answer(BASE)]);
    expect(together).toEqual([after, before, before]);
    for (const path of [`/v1/edits/${edit.id}`, `/v1/deltas/${edit.delta}`, `/v1/models/${edit.fine_tuned_model}`]) {
      expect((await api.refusal("GET", path, { key: other })).status).toBe(404);
    }
    for (const method of ["DELETE", "POST"]) {
      const path = method === "POST" ? `/v1/edits/${edit.id}/cancel` : `/v1/edits/${edit.id}`;
      expect((await api.refusal(method, path, { key: other })).status).toBe(404);
    }
    expect((await api.refusal("DELETE", `/v1/edits/${edit.id}/facts/0`, { key: other })).status).toBe(404);
    const merge = { key: other, body: { edits: [edit.id, "edit-x"] } };
    expect((await api.refusal("POST", "/v1/edits/merge", merge)).status).toBe(404);
    const theirs = { model: BASE, facts: [FRANCE], deltas: [{ id: edit.delta! }] };
    expect(await api.refusal("POST", "/v1/edits", { key: other, body: theirs })).toMatchObject({
      status: 404,
      param: "deltas[0].id",
    });
    expect((await api.call<{ data: Edit[] }>("GET", "/v1/edits", { key: other })).data).toEqual([]);
    await undo(edit.id);
    expect(await answer(BASE)).toEqual(before);
    expect(await api.refusal("GET", `/v1/edits/${edit.id}`, { key })).toMatchObject({ status: 404, param: "edit_id" });
    const gone = await api.refusal("POST", "/v1/completions", {
      key,
      body: { model: edit.fine_tuned_model, prompt: "x" },
    });
    expect(gone.code).toBe("model_not_found");
    const prefix = "tenants/editor/";
    const left = async () =>
      (await env.BLOBS.list({ prefix })).objects.filter(({ key }) => /deltas|edit\.json|files/.test(key));
    await expect.poll(left).toEqual([]);
  });

  it("waits for its end, or answers with what it is when the time is over", async () => {
    const [waited] = await Promise.all([
      post({ facts: [FRANCE], wait: 60 }),
      expect
        .poll(
          () =>
            trainer
              .solve()
              .then(({ model }) => model)
              .catch(() => null),
          { timeout: 30_000 },
        )
        .not.toBeNull(),
    ]);
    expect(waited).toMatchObject({ status: "succeeded", facts: [{ status: "edited" }] });
    const short = await post({ facts: [PERU], wait: 0.05 });
    expect(short.status).toBe("queued");
    const { lease } = await trainer.leaseEdit();
    expect((await get(short.id)).status).toBe("running");
    await api.call("POST", `/v1/trainer/jobs/${lease.job}/fail`, {
      ...trainer.held(lease, {
        error: {
          ...{ code: "invalid_dataset", param: "training_file" },
          message: "line 1: target_new: has text that the model's vocabulary cannot express",
        },
      }),
    });
    expect(await get(short.id)).toMatchObject({
      status: "failed",
      error: {
        message: "`facts[0].target_new` has text that the model's vocabulary cannot express",
        param: "facts[0].target_new",
      },
      facts: [{ status: "waiting" }],
    });
    for (const { id } of [waited, short]) await undo(id);
  });

  it("has failed where nothing was published, and says so", async () => {
    const { id } = await post({ facts: [FRANCE] });
    const { lease, facts } = await trainer.leaseEdit();
    await trainer.keep(lease, EDIT_REPORT_FILE, {
      ...editReport(facts, { published: false }),
      facts: editReport(facts).facts.map((fact) => ({ ...fact, status: "failed", reason: "It does not hold." })),
    });
    expect(await trainer.finish(lease, null)).toEqual({ model: null });
    expect(await trainer.finish(lease, null)).toEqual({ model: null });
    expect(await get(id)).toMatchObject({
      status: "failed",
      delta: null,
      fine_tuned_model: null,
      error: { param: "options.publish", message: expect.stringContaining("No fact holds") },
      facts: [{ status: "failed", reason: "It does not hold." }],
      fact_counts: { failed: 1 },
    });
    expect(await api.call("GET", `/v1/fine_tuning/jobs/${lease.job}`, { key })).toMatchObject({
      status: "succeeded",
      fine_tuned_model: null,
    });
    await undo(id);
  });

  it("creates one edit for an Idempotency-Key, and answers with what it is by then", async () => {
    const headers = { "idempotency-key": "an edit" };
    const first = await post({ facts: [FRANCE] }, headers);
    await trainer.solve();
    const again = await post({ facts: [FRANCE] }, headers);
    expect(again).toMatchObject({ id: first.id, status: "succeeded" });
    const body = { model: BASE, facts: [PERU] };
    expect((await api.refusal("POST", "/v1/edits", { key, headers, body })).code).toBe("idempotency_mismatch");
    const twice = { "idempotency-key": "two at once" };
    const replies = await Promise.all([1, 2].map(() => api.send("POST", "/v1/edits", { key, headers: twice, body })));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
    const { data } = await api.call<{ data: EditSummary[] }>("GET", "/v1/edits", { key });
    expect(data).toHaveLength(2);
    for (const { id } of data) await undo(id);
  });

  it.each([
    [{ facts: [] }, "facts"],
    [{ facts: [{ ...FRANCE, subject: "Spain" }] }, "facts[0].subject"],
    [{ facts: [PERU, { ...FRANCE, prompt: "France: the capital of France is" }] }, "facts[1].subject"],
    [{ facts: [{ ...FRANCE, subject: "" }] }, "facts[0].subject"],
    [{ facts: [{ ...FRANCE, target_new: " " }] }, "facts[0].target_new"],
    [{ facts: [FRANCE, PERU, { ...FRANCE, target_new: "Nice" }] }, "facts[2].target_new"],
    [{ facts: [{ ...FRANCE, target: "Lyon" }] }, "facts[0].target"],
    [{ method: "mend" }, "method"],
    [{ options: { layers: 2 } }, "options.layers"],
    [{ options: { layers: [0, 0] } }, "options.layers"],
    [{ options: { layers: [0, 1] }, method: "rome" }, "options.layers"],
    [{ options: { rank: 60_000 } }, "options.rank"],
    [{ options: { clamp: -1 } }, "options.clamp"],
    [{ wait: 301 }, "wait"],
    [{ statistics_file: "file-none" }, "statistics_file"],
    [{ deltas: [{ id: "delta-none" }] }, "deltas[0].id"],
    [{ model: "no-such-base" }, "model"],
    [{ suffix: "no spaces" }, "suffix"],
  ])("refuses %j", async (body, param) => {
    const refused = await refusal(body);
    expect([refused.param, refused.status < 500]).toEqual([param, true]);
    if (param.startsWith("facts[")) expect(refused.message).toContain(`\`${param}\``);
  });

  it("leaves nothing of an edit that it refuses", async () => {
    await refusal({ statistics_file: await api.dataset(key, [{ prompt: "a", chosen: "b", rejected: "c" }]) });
    expect((await api.call<{ data: object[] }>("GET", "/v1/files?purpose=edit", { key })).data).toEqual([]);
    expect((await api.call<{ data: object[] }>("GET", "/v1/edits", { key })).data).toEqual([]);
    expect(await trainer.lease({ lanes: ["edits"] })).toBeUndefined();
  });

  it("takes as many facts as there may be, and texts for the statistics", async () => {
    const facts = Array.from({ length: 2000 }, (_, i) => ({
      prompt: `The capital of land ${i} is ${"x".repeat(700)}`,
      subject: `land ${i} `,
      target_new: `town ${i}`,
    }));
    const statistics = await api.dataset(key, [{ text: "Call me Ishmael." }]);
    const edit = await post({ facts, statistics_file: statistics });
    expect(edit.facts).toHaveLength(2000);
    expect(await api.refusal("DELETE", `/v1/files/${statistics}`, { key })).toMatchObject({ code: "conflict" });
    expect(await api.call("POST", `/v1/edits/${edit.id}/cancel`, { key })).toMatchObject({ status: "cancelled" });
    expect(await api.call("POST", `/v1/edits/${edit.id}/cancel`, { key })).toMatchObject({ status: "cancelled" });
    await undo(edit.id);
    expect((await refusal({ facts: [...facts, FRANCE] })).param).toBe("facts");
  });
});

describe("an edit on other deltas", () => {
  it("is served with them by name, and without by its delta", async () => {
    const first = await edited();
    const second = await edited({ model: first.fine_tuned_model, facts: [PERU] });
    expect(second.deltas).toEqual([{ id: first.delta, weight: 1 }]);
    expect(second).toMatchObject({ model: first.fine_tuned_model, base: BASE });
    const both = await answer(BASE, [{ id: first.delta! }, { id: second.delta! }]);
    expect(await answer(second.fine_tuned_model!)).toEqual(both);
    expect(await answer(BASE, [{ id: second.delta! }])).not.toEqual(both);
    expect(await answer(BASE, [{ id: second.fine_tuned_model! }])).toEqual(await answer(BASE, [{ id: second.delta! }]));
    expect(await api.call("GET", `/v1/models/${second.fine_tuned_model}`, { key })).toMatchObject({
      on_top_of: [{ id: first.delta, weight: 1 }],
    });
    const weighed = await edited({ deltas: [{ id: first.fine_tuned_model!, weight: 0.5 }], facts: [PERU] });
    expect(weighed.deltas).toEqual([{ id: first.delta, weight: 0.5 }]);
    // What the trainer gets of the deltas: also their keys.
    const third = await post({ model: second.fine_tuned_model, facts: [{ ...PERU, target_new: "Lima" }] });
    expect(third.deltas.map(({ id }) => id).sort()).toEqual([first.delta, second.delta].sort());
    const { lease } = await trainer.leaseEdit();
    expect(lease.models).toHaveLength(2);
    for (const { files } of lease.models) {
      const keys = files.find(({ name }) => name === EDIT_FILE)!;
      expect(decodeEditFile(await (await trainer.read(lease, keys.path)).bytes()).facts).toHaveLength(1);
    }
    // Nothing beneath a solve can go meanwhile.
    for (const path of [`/v1/edits/${first.id}`, `/v1/deltas/${first.delta}`, `/v1/models/${first.fine_tuned_model}`]) {
      expect(await api.refusal("DELETE", path, { key })).toMatchObject({ code: "conflict" });
    }
    await undo(third.id);
    expect((await trainer.heartbeat(lease)).cancel).toBe(true);
    // Undone, the first is no longer beneath the second.
    await undo(first.id);
    expect((await get(second.id)).deltas).toEqual([]);
    expect(await answer(second.fine_tuned_model!)).toEqual(await answer(BASE, [{ id: second.delta! }]));
    for (const { id } of [second, weighed]) await undo(id);
  });

  it("is refused on a full fine-tune, on another tenant's, and where no rank is left", async () => {
    const file = await api.dataset(key);
    const method = { type: "supervised", supervised: { peft: { type: "full" } } };
    const job = { model: BASE, training_file: file, method };
    await api.call("POST", "/v1/fine_tuning/jobs", { key, body: job });
    const lease = (await trainer.lease())!;
    const full = await publishModel(lease);
    expect(await refusal({ model: full })).toMatchObject({
      param: "model",
      message: expect.stringContaining("full fine-tune"),
    });
    const facts = await api.dataset(key, [FRANCE]);
    const edit = await edited();
    const direct = { training_file: facts, method: { type: "edit" } };
    expect(
      await api.refusal("POST", "/v1/fine_tuning/jobs", { key, body: { ...direct, model: edit.fine_tuned_model } }),
    ).toMatchObject({ param: "model", message: expect.stringContaining("starts from a base model") });
    const stage = { name: "a", method: { type: "edit" } };
    const pipeline = { model: BASE, training_file: facts, method: { type: "pipeline", pipeline: { stages: [stage] } } };
    expect(await api.refusal("POST", "/v1/fine_tuning/jobs", { key, body: pipeline })).toMatchObject({
      message: expect.stringContaining("no stages of the type edit"),
    });
    const second = await edited({ model: edit.fine_tuned_model, facts: [PERU] });
    const onTuned = { model: second.fine_tuned_model, training_file: file };
    expect(await api.refusal("POST", "/v1/fine_tuning/jobs", { key, body: onTuned })).toMatchObject({
      param: "model",
      message: expect.stringContaining("stands on other deltas"),
    });
    for (const { id } of [second, edit]) await undo(id);
    await api.call("DELETE", `/v1/models/${full}`, { key });
  });

  it("keeps the deltas that it stands on, and its facts, from being deleted", async () => {
    const delta = await uploadLora(1);
    const edit = await edited({ model: delta.models[0] });
    expect(edit.deltas).toEqual([{ id: delta.id, weight: 1 }]);
    for (const path of [`/v1/deltas/${delta.id}`, `/v1/models/${delta.models[0]}`]) {
      expect(await api.refusal("DELETE", path, { key })).toMatchObject({
        code: "conflict",
        message: expect.stringContaining(`The model ${edit.fine_tuned_model} stands on this delta`),
      });
    }
    const { data } = await api.call<{ data: { id: string }[] }>("GET", "/v1/files?purpose=edit", { key });
    expect(await api.refusal("DELETE", `/v1/files/${data[0]!.id}`, { key })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`the facts of the edit ${edit.id}`),
    });
    await undo(edit.id);
    await api.call("DELETE", `/v1/deltas/${delta.id}`, { key });
  });

  it("may be what an alias points to, which then keeps it", async () => {
    const edit = await edited();
    const alias = { id: "capitals", model: edit.fine_tuned_model };
    await api.call("POST", "/v1/aliases", { key, body: alias });
    expect(await answer("capitals")).toEqual(await answer(edit.fine_tuned_model!));
    const onAlias = await edited({ model: "capitals", facts: [PERU] });
    expect(onAlias.deltas).toEqual([{ id: edit.delta, weight: 1 }]);
    expect(await api.refusal("DELETE", `/v1/edits/${edit.id}`, { key })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining("The alias capitals points to"),
    });
    expect((await get(edit.id)).status).toBe("succeeded");
    await api.call("DELETE", "/v1/aliases/capitals", { key });
    for (const path of [`/v1/deltas/${edit.delta}`, `/v1/models/${edit.fine_tuned_model}`]) {
      expect(await api.refusal("DELETE", path, { key })).toMatchObject({
        message: expect.stringContaining(`DELETE /v1/edits/${edit.id} undoes it`),
      });
    }
    for (const { id } of [onAlias, edit]) await undo(id);
  });
});

describe("GET /v1/edits", () => {
  it("lists them newest first, by pages and by model, without facts", async () => {
    const [a, b] = [await post({ facts: [FRANCE] }), await post({ facts: [PERU] })];
    const list = (query: string) =>
      api.call<{ data: EditSummary[]; has_more: boolean }>("GET", `/v1/edits${query}`, { key });
    const page = await list("?limit=1");
    expect([page.data.map(({ id }) => id), page.has_more]).toEqual([[b.id], true]);
    expect(page.data[0]).not.toHaveProperty("facts");
    expect((await list(`?limit=1&after=${b.id}`)).data.map(({ id }) => id)).toEqual([a.id]);
    expect((await list(`?model=${BASE}`)).data).toHaveLength(2);
    expect((await list("?model=another")).data).toEqual([]);
    expect(await api.refusal("GET", "/v1/edits?modle=x", { key })).toMatchObject({ param: "modle" });
    for (const { id } of [a, b]) await undo(id);
    expect(await trainer.lease({ lanes: ["edits"] })).toBeUndefined();
  });
});

describe("taking a fact out", () => {
  it("serves as it was until the others are solved again, then under the same name", async () => {
    const edit = await edited({ facts: [FRANCE, PERU], options: { steps: 7 } });
    const before = await answer(edit.fine_tuned_model!);
    await api.call("POST", "/v1/aliases", { key, body: { id: "kept", model: edit.fine_tuned_model } });
    const second = await edited({ model: "kept", facts: [{ ...PERU, prompt: "Peru is in", target_new: "Asia" }] });
    expect(await api.refusal("DELETE", `/v1/edits/${edit.id}/facts/2`, { key })).toMatchObject({
      status: 404,
      param: "fact",
    });
    const started = await api.call<Edit>("DELETE", `/v1/edits/${edit.id}/facts/0?wait=0.05`, { key });
    expect(started).toMatchObject({ status: "succeeded", removal: { fact: 0, status: "queued", error: null } });
    expect(started.facts).toHaveLength(2);
    expect(await answer(edit.fine_tuned_model!)).toEqual(before);
    expect(await api.refusal("DELETE", `/v1/edits/${edit.id}/facts/0`, { key })).toMatchObject({ code: "conflict" });
    expect(await refusal({ model: edit.fine_tuned_model })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining("A fact is being taken out"),
    });
    const { facts, lease, model } = await trainer.solve();
    expect(facts).toMatchObject([PERU]);
    expect(lease.method).toMatchObject({ edit: { options: { steps: 7 } } });
    expect(model).toBe(edit.fine_tuned_model);
    const after = await get(edit.id);
    expect(after).toMatchObject({ fact_counts: { total: 1 }, removal: null, fine_tuned_model: edit.fine_tuned_model });
    expect(after.facts).toMatchObject([{ index: 0, prompt: PERU.prompt }]);
    expect(after.delta).not.toBe(edit.delta);
    expect((await api.refusal("GET", `/v1/deltas/${edit.delta}`, { key })).status).toBe(404);
    expect(await answer("kept")).not.toEqual(before);
    expect(await answer("kept")).toEqual(await answer(BASE, [{ id: after.delta! }]));
    // What was solved on it stands on what it is now.
    expect((await get(second.id)).deltas).toEqual([{ id: after.delta, weight: 1 }]);
    await api.call("DELETE", "/v1/aliases/kept", { key });
    await undo(second.id);
    // The last fact takes the edit with it.
    expect(await api.call("DELETE", `/v1/edits/${edit.id}/facts/0`, { key })).toEqual({
      id: edit.id,
      object: "edit",
      deleted: true,
    });
    expect((await api.call<{ data: object[] }>("GET", "/v1/files?purpose=edit", { key })).data).toEqual([]);
  });

  it("leaves the edit as it was if the others cannot be solved, and says why", async () => {
    const edit = await edited({ facts: [FRANCE, PERU] });
    const removal = (wait: string) => api.call<Edit>("DELETE", `/v1/edits/${edit.id}/facts/1?wait=${wait}`, { key });
    await removal("false");
    const { lease } = await trainer.leaseEdit();
    const error = { code: "non_finite", message: "It does not converge.", param: null };
    await api.call("POST", `/v1/trainer/jobs/${lease.job}/fail`, trainer.held(lease, { error }));
    expect(await get(edit.id)).toMatchObject({
      status: "succeeded",
      delta: edit.delta,
      removal: { fact: 1, status: "failed", error },
      facts: [{ index: 0 }, { index: 1 }],
    });
    await removal("false");
    const next = await trainer.leaseEdit();
    await trainer.finish(next.lease, null);
    expect((await get(edit.id)).removal).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("None of the facts") },
    });
    await removal("false");
    await api.call("POST", `/v1/edits/${edit.id}/cancel`, { key });
    expect((await get(edit.id)).removal).toMatchObject({ status: "cancelled" });
    expect(await get(edit.id)).toMatchObject({ status: "succeeded", delta: edit.delta });
    expect((await api.call<{ data: object[] }>("GET", "/v1/files?purpose=edit", { key })).data).toHaveLength(1);
    await undo(edit.id);
    const queued = await post({ facts: [FRANCE, PERU] });
    expect(await api.refusal("DELETE", `/v1/edits/${queued.id}/facts/0`, { key })).toMatchObject({ code: "conflict" });
    await undo(queued.id);
  });
});

describe("an edit's files", () => {
  const files = async (purpose: string) =>
    (await api.call<{ data: { id: string; filename: string }[] }>("GET", `/v1/files?purpose=${purpose}`, { key })).data;
  const reports = async () => (await files("fine-tune-results")).filter(({ filename }) => filename === "edit.json");

  it("stay while the edit needs them, and go with it", async () => {
    const edit = await edited();
    const [report] = await reports();
    expect(await api.refusal("DELETE", `/v1/files/${report!.id}`, { key })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`the report of the edit ${edit.id}`),
    });
    const [facts] = await files("edit");
    const body = { model: BASE, training_file: facts!.id, method: { type: "edit" } };
    const { id: job } = await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body });
    expect(await api.refusal("DELETE", `/v1/edits/${edit.id}`, { key })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining(job),
    });
    expect((await get(edit.id)).status).toBe("succeeded");
    await api.call("POST", `/v1/fine_tuning/jobs/${job}/cancel`, { key });
    await undo(edit.id);
    expect([...(await reports()), ...(await files("edit"))]).toEqual([]);
  });

  it("go where a fact could not be taken out", async () => {
    const edit = await edited({ facts: [FRANCE, PERU] });
    const removal = () => api.call<Edit>("DELETE", `/v1/edits/${edit.id}/facts/1?wait=false`, { key });
    const error = { code: "non_finite", message: "It does not converge.", param: null };
    for (const ending of ["nothing", "failed", "cancelled"]) {
      await removal();
      const { lease, facts } = await trainer.leaseEdit();
      await trainer.keep(lease, EDIT_REPORT_FILE, editReport(facts, { published: false }));
      if (ending === "nothing") await trainer.finish(lease, null);
      else if (ending === "cancelled") await api.call("POST", `/v1/edits/${edit.id}/cancel`, { key });
      else await api.call("POST", `/v1/trainer/jobs/${lease.job}/fail`, trainer.held(lease, { error }));
      expect(await reports()).toHaveLength(1);
    }
    await undo(edit.id);
    expect(await reports()).toEqual([]);
  });

  it("says so where the texts of its statistics are gone", async () => {
    const statistics = await api.dataset(key, [{ text: "Call me Ishmael." }]);
    const edit = await edited({ facts: [FRANCE, PERU], statistics_file: statistics });
    await api.call("DELETE", `/v1/files/${statistics}`, { key });
    expect(await api.refusal("DELETE", `/v1/edits/${edit.id}/facts/0`, { key })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`the texts of ${statistics}, which was deleted`),
    });
    await undo(edit.id);
  });
});

describe("POST /v1/edits/merge", () => {
  const merge = (body: object) => api.call<Edit>("POST", "/v1/edits/merge", { key, body });

  it("makes an edit whose delta is their exact sum", async () => {
    const first = await edited();
    const second = await edited({ model: first.fine_tuned_model, facts: [PERU] });
    const sum = await merge({ edits: [first.id, second.id], suffix: "sum", metadata: { a: "b" } });
    expect(sum).toMatchObject({
      status: "succeeded",
      merged_from: [first.id, second.id],
      deltas: [],
      job: null,
      scores: null,
      fact_counts: { total: 2 },
      metadata: { a: "b" },
      facts: [
        { index: 0, prompt: FRANCE.prompt, status: "edited" },
        { index: 1, prompt: PERU.prompt },
      ],
    });
    expect(sum.fine_tuned_model).toMatch(/^ft:edit-base:editor:sum:/);
    const separate = await answer(second.fine_tuned_model!);
    const together = await answer(sum.fine_tuned_model!);
    const numbers = (top: readonly object[]) => top.flatMap((each) => Object.values(each) as number[]);
    for (const [index, value] of numbers(together).entries()) expect(value).toBeCloseTo(numbers(separate)[index]!, 3);
    const folder = await env.BLOBS.list({ prefix: "tenants/editor/deltas/" });
    const keyFiles = folder.objects.filter(({ key }) => key.endsWith(EDIT_FILE));
    const counts = await Promise.all(
      keyFiles.map(async ({ key }) => decodeEditFile(await (await env.BLOBS.get(key))!.bytes()).facts.length),
    );
    expect(counts.sort()).toEqual([1, 1, 2]);
    // An equal sum is found as it is.
    expect((await merge({ edits: [first.id, second.id], suffix: "sum" })).id).toBe(sum.id);
    expect(await api.refusal("DELETE", `/v1/edits/${sum.id}/facts/0`, { key })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining("is a sum of others"),
    });
    for (const { id } of [first, second]) await undo(id);
    expect(await answer(sum.fine_tuned_model!)).toEqual(together);
    await undo(sum.id);
  });

  it("leaves nothing of a sum that it refuses", async () => {
    const below = await edited();
    const one = await edited({ deltas: [{ id: below.delta! }], facts: [PERU] }, {}, "twin");
    const twin = await edited({ deltas: [{ id: below.delta! }], facts: [PERU] }, {}, "twin");
    const half = await edited({ deltas: [{ id: below.delta!, weight: 0.5 }], facts: [PERU] });
    const refused = (edits: readonly Edit[]) =>
      api.refusal("POST", "/v1/edits/merge", { key, body: { edits: edits.map(({ id }) => id) } });
    const count = async () => (await api.call<{ data: object[] }>("GET", "/v1/deltas", { key })).data.length;
    const before = await count();
    expect(await refused([one, half])).toMatchObject({
      param: "edits",
      message: expect.stringContaining("with the weights 1 and 0.5"),
    });
    expect(await refused([one, twin])).toMatchObject({ param: "edits[1]" });
    expect(await count()).toBe(before);
    for (const { id } of [half, twin, one, below]) await undo(id);
  });

  it("refuses a sum that cannot be served on what it stands on", async () => {
    const tooHigh = await refusal({ options: { rank: 60_000 } });
    const most = Number(/at most (\d+)/.exec(tooHigh.message)![1]);
    const large = await uploadLora(most - 1);
    const edits: Edit[] = [];
    for (const fact of [FRANCE, PERU]) edits.push(await edited({ model: large.models[0], facts: [fact] }));
    expect(
      await api.refusal("POST", "/v1/edits/merge", { key, body: { edits: edits.map(({ id }) => id) } }),
    ).toMatchObject({ param: "edits", message: expect.stringContaining("with the deltas that they stand on") });
    for (const { id } of edits) await undo(id);
    await api.call("DELETE", `/v1/deltas/${large.id}`, { key });
  });

  it("refuses edits that have no delta, are named twice, or are none", async () => {
    const queued = await post({ facts: [FRANCE] });
    for (const edits of [[queued.id, queued.id], [queued.id], [queued.id, "edit-none"]]) {
      const refused = await api.refusal("POST", "/v1/edits/merge", { key, body: { edits } });
      expect(["edits", "edit_id"]).toContain(refused.param);
    }
    const other = await post({ facts: [PERU] });
    expect(await api.refusal("POST", "/v1/edits/merge", { key, body: { edits: [queued.id, other.id] } })).toMatchObject(
      { param: "edits", message: expect.stringContaining("is queued and has no delta") },
    );
    for (const { id } of [queued, other]) await undo(id);
  });
});

describe("POST /v1/edits/check", () => {
  const check = (body: object) =>
    api.call<EditCheck>("POST", "/v1/edits/check", { key, body: { model: BASE, facts: [FRANCE], ...body } });

  it("compares texts at once, with the edits that the facts would be solved on", async () => {
    const edit = await edited({ facts: [PERU, FRANCE] });
    expect((await check({ wait: false, facts: [{ ...FRANCE, target_new: "Nice" }] })).conflicts).toEqual([]);
    const found = await check({
      ...{ model: edit.fine_tuned_model, wait: false },
      facts: [{ ...FRANCE, target_new: "Nice" }, PERU, { ...PERU, target_new: "Lima" }],
    });
    expect(found).toMatchObject({ object: "edit.check", keys: "not_compared", error: null });
    expect(found.conflicts).toMatchObject([
      { kind: "contradicting_targets", fact: 0, with: { edit: edit.id, fact: 1, target_new: "Lyon" } },
      { kind: "same_subject_and_relation", fact: 1, with: { edit: edit.id, fact: 0 } },
      { kind: "contradicting_targets", fact: 2, with: { edit: edit.id, fact: 0 } },
      { kind: "contradicting_targets", fact: 2, with: { edit: null, fact: 1 } },
    ]);
    expect(
      await api.refusal("POST", "/v1/edits/check", {
        key,
        body: { model: BASE, facts: [{ ...FRANCE, subject: "x" }] },
      }),
    ).toMatchObject({ param: "facts[0].subject" });
    await undo(edit.id);
  });

  it("has a trainer compare keys, and leaves nothing of it", async () => {
    const edit = await edited();
    const conflict = {
      ...{ kind: "interfering_keys" as const, fact: 0, angle_degrees: 12, message: "close" },
      with: { edit: edit.delta, fact: 0, prompt: FRANCE.prompt, target_new: "Lyon" },
    };
    const [found] = await Promise.all([
      check({ model: edit.fine_tuned_model, facts: [PERU], wait: 60 }),
      expect
        .poll(
          () =>
            trainer
              .check([conflict])
              .then(({ job }) => job)
              .catch(() => null),
          { timeout: 30_000 },
        )
        .not.toBeNull(),
    ]);
    expect(found).toMatchObject({
      keys: "compared",
      conflicts: [{ kind: "interfering_keys", angle_degrees: 12, with: { edit: edit.id } }],
    });
    expect(await check({ wait: 0.05 })).toMatchObject({ keys: "not_compared", conflicts: [] });
    expect(await trainer.lease({ lanes: ["edits"] })).toBeUndefined();
    await undo(edit.id);
    expect((await api.call<{ data: object[] }>("GET", "/v1/files?purpose=edit", { key })).data).toEqual([]);
    expect((await api.call<{ data: object[] }>("GET", "/v1/edits", { key })).data).toEqual([]);
    expect((await api.call<{ data: object[] }>("GET", "/v1/files?purpose=fine-tune-results", { key })).data).toEqual(
      [],
    );
  });
});

/** Publishes a complete model as a job's result. */
async function publishModel(lease: Lease): Promise<string> {
  const folder = tinyBase({ "config.json": json(TINY_CONFIG), "model.safetensors": strongWeights() });
  const files = await fileList(folder);
  const digest = await folderDigest(files);
  for (const [name, body] of folder) {
    const path = `/v1/trainer/jobs/${lease.job}/artefacts/model/${digest}/${name}`;
    await api.call("PUT", path, { key: TRAINER_TOKEN, headers: await storing(lease, body), body });
  }
  return (await trainer.complete(lease, { kind: "model", digest, files })).model;
}
