import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { Edit, EditCheck } from "../../../shared/api/edits.ts";
import { decodeEditFile, EDIT_FILE } from "../../../shared/edits/edit-file.ts";
import { EDIT_BASE as BASE, editApi, FRANCE, PERU } from "../support/edit-api.ts";

const { open, api, trainer, post, refusal, undo, edited, uploadLora, answer } = editApi();
let key: string;
beforeAll(async () => {
  key = await open();
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
