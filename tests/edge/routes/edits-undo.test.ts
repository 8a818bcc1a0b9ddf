/** Edits on other deltas, one fact taken out of an edit, and what of an edit goes with it. */
import { beforeAll, describe, expect, it } from "vitest";
import { folderDigest } from "../../../shared/api/artefacts.ts";
import type { Edit } from "../../../shared/api/edits.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { decodeEditFile, EDIT_FILE } from "../../../shared/edits/edit-file.ts";
import { EDIT_REPORT_FILE } from "../../../shared/edits/report.ts";
import { storing, TRAINER_TOKEN } from "../support/api.ts";
import { EDIT_BASE as BASE, editApi, FRANCE, PERU, strongWeights } from "../support/edit-api.ts";
import { editReport } from "../support/edit-trainer.ts";
import { fileList, json, TINY_CONFIG, tinyBase } from "../support/tiny-base.ts";

const { open, api, trainer, post, refusal, get, undo, edited, uploadLora, answer } = editApi();
let key: string;
beforeAll(async () => {
  key = await open();
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

  it("keeps a delta that an equal edit has too, and goes on without that one's alone", async () => {
    const [first, second] = [await edited({}, {}, "equal"), await edited({}, {}, "equal")];
    expect(second.delta).toBe(first.delta);
    const onFirst = await edited({ model: first.fine_tuned_model, facts: [PERU] });
    const onSecond = await edited({ model: second.fine_tuned_model, facts: [{ ...PERU, target_new: "Lima" }] });
    const [alone, both] = [await answer(second.fine_tuned_model!), await answer(onSecond.fine_tuned_model!)];
    await undo(first.id);
    expect(await answer(second.fine_tuned_model!)).toEqual(alone);
    expect(await answer(onSecond.fine_tuned_model!)).toEqual(both);
    expect((await get(onSecond.id)).deltas).toEqual([{ id: second.delta, weight: 1 }]);
    expect((await get(onFirst.id)).deltas).toEqual([]);
    expect(await answer(onFirst.fine_tuned_model!)).toEqual(await answer(BASE, [{ id: onFirst.delta! }]));
    await undo(second.id);
    expect((await get(onSecond.id)).deltas).toEqual([]);
    expect((await api.refusal("GET", `/v1/deltas/${first.delta}`, { key })).status).toBe(404);
    for (const { id } of [onFirst, onSecond]) await undo(id);
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

  it("happens once for an Idempotency-Key, and a repeat gets the edit as it is by then", async () => {
    const edit = await edited({ facts: [FRANCE, PERU] });
    const headers = { "idempotency-key": "without France" };
    const remove = (fact: number) =>
      api.call<Edit>("DELETE", `/v1/edits/${edit.id}/facts/${fact}?wait=0.05`, { key, headers });
    expect(await remove(0)).toMatchObject({ removal: { fact: 0, status: "queued" } });
    expect(await remove(0)).toMatchObject({ removal: { fact: 0, status: "queued" } });
    await trainer.solve();
    expect(await remove(0)).toMatchObject({ removal: null, facts: [{ prompt: PERU.prompt }] });
    expect(await trainer.lease({ lanes: ["edits"] })).toBeUndefined();
    expect(await api.refusal("DELETE", `/v1/edits/${edit.id}/facts/1`, { key, headers })).toMatchObject({
      code: "idempotency_mismatch",
    });
    const last = { key, headers: { "idempotency-key": "the last one" } };
    const gone = { id: edit.id, object: "edit", deleted: true };
    for (let sent = 0; sent < 2; sent++) {
      expect(await api.call("DELETE", `/v1/edits/${edit.id}/facts/0`, last)).toEqual(gone);
    }
    expect((await api.refusal("DELETE", `/v1/edits/${edit.id}/facts/0`, { key })).status).toBe(404);
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
