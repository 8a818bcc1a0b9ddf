/** Edits over the whole Worker: made, shown and refused. */
import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { Edit, EditSummary } from "../../../shared/api/edits.ts";
import { EDIT_REPORT_FILE } from "../../../shared/edits/report.ts";
import { EDIT_BASE as BASE, editApi, FRANCE, PERU } from "../support/edit-api.ts";
import { editReport } from "../support/edit-trainer.ts";

const { open, api, trainer, post, refusal, get, undo, edited, answer } = editApi();
let key: string;
beforeAll(async () => {
  key = await open();
});

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

  it("counts the facts that the model knows already where there is nothing else to edit", async () => {
    const { id } = await post({ facts: [FRANCE, PERU] });
    const { lease, facts } = await trainer.leaseEdit();
    await trainer.keep(lease, EDIT_REPORT_FILE, {
      ...editReport(facts, { published: false, changes: [] }),
      facts: editReport(facts).facts.map((fact) => ({ ...fact, status: "already_known", reason: "It says so." })),
    });
    const error = { code: "invalid_request", message: "All are known.", param: "training_file" };
    await api.call("POST", `/v1/trainer/jobs/${lease.job}/fail`, trainer.held(lease, { error }));
    const counts = { total: 2, edited: 0, failed: 0, already_known: 2, skipped: 0 };
    expect(await get(id)).toMatchObject({
      ...{ status: "failed", delta: null, fact_counts: counts, error: { param: "facts" } },
      facts: [{ status: "already_known" }, { status: "already_known" }],
    });
    const { data } = await api.call<{ data: EditSummary[] }>("GET", "/v1/edits", { key });
    expect(data.find((one) => one.id === id)).toMatchObject({ fact_counts: counts });
    await undo(id);
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
