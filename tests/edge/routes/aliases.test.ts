import { beforeAll, describe, expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const path = "/v1/aliases";
let key: string;
const tuned: string[] = [];

beforeAll(async () => {
  await api.base("alias-base");
  key = await api.tenant("aliased");
  const file = await api.dataset(key);
  for (const suffix of ["one", "two"]) {
    await api.call("POST", "/v1/fine_tuning/jobs", {
      key,
      body: { model: "alias-base", training_file: file, suffix },
    });
    tuned.push((await new FakeTrainer(api).work("aliases")).model);
  }
});

const call = (method: string, suffix: string, body?: unknown) =>
  api.call(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });
const refusal = (method: string, suffix: string, body?: unknown) =>
  api.refusal(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });

describe("aliases", () => {
  it("are created, moved, rolled back step by step, and keep their history", async () => {
    expect(await call("POST", "", { id: "bot", model: "alias-base" })).toEqual({
      id: "bot",
      object: "alias",
      created_at: expect.any(Number),
      model: "alias-base",
      steering: null,
      version: 1,
      previous_model: null,
      previous_steering: null,
    });
    await call("POST", "/bot", { model: tuned[0] });
    expect(await call("POST", "/bot", { model: tuned[1], if_model: tuned[0] })).toMatchObject({
      model: tuned[1],
      version: 3,
      previous_model: tuned[0],
    });
    expect(await call("POST", "/bot", { model: tuned[1] })).toMatchObject({ version: 3 });
    expect(await call("POST", "/bot/rollback")).toMatchObject({
      model: tuned[0],
      version: 4,
      previous_model: "alias-base",
    });
    expect(await call("POST", "/bot/rollback", {})).toMatchObject({
      model: "alias-base",
      version: 5,
      previous_model: null,
    });
    expect(await refusal("POST", "/bot/rollback")).toMatchObject({ status: 409 });
    const headers = { "content-type": "application/json" };
    expect(await api.refusal("POST", "/v1/aliases/bot/rollback", { key, headers })).toMatchObject({ status: 409 });
    const empty = { key, headers: { ...headers, "content-length": "0" }, body: "" };
    expect(await api.refusal("POST", "/v1/aliases/bot/rollback", empty)).toMatchObject({ status: 409 });
    expect(await call("POST", "/bot/rollback", { version: 3 })).toMatchObject({ model: tuned[1], version: 6 });
    const history = await call("GET", "/bot/history?limit=3");
    expect(history).toMatchObject({
      has_more: true,
      data: [
        { id: "bot@6", object: "alias.move", version: 6, model: tuned[1], by: "rollback" },
        { version: 5, model: "alias-base", by: "rollback" },
        { version: 4, model: tuned[0], by: "rollback" },
      ],
    });
    expect(await call("GET", "/bot/history?after=bot@4")).toMatchObject({
      has_more: false,
      data: [
        { version: 3, model: tuned[1], by: "move" },
        { version: 2, model: tuned[0], by: "move" },
        { version: 1, model: "alias-base", by: "create" },
      ],
    });
    expect(await call("GET", "")).toMatchObject({ data: [{ id: "bot", model: tuned[1] }] });
  });

  it("stand for their model wherever a model is named, from the moment they are moved", async () => {
    await call("POST", "", { id: "acme/chat", model: "alias-base" });
    const client = openai(api, key);
    const ask = { model: "acme/chat", messages: [{ role: "user" as const, content: "hi" }], max_tokens: 1 };
    expect(await client.chat.completions.create(ask)).toMatchObject({ model: "acme/chat", object: "chat.completion" });
    expect(await client.completions.create({ model: "acme/chat", prompt: "hi", max_tokens: 1 })).toMatchObject({
      object: "text_completion",
    });
    expect(await client.models.retrieve("acme/chat")).toEqual({
      id: "acme/chat",
      object: "model",
      created: expect.any(Number),
      owned_by: "aliased",
      root: "alias-base",
      parent: "alias-base",
      base_status: "available",
      context_length: expect.any(Number),
      max_model_len: expect.any(Number),
      alias_of: "alias-base",
    });
    await call("POST", "/acme%2Fchat", { model: tuned[0] });
    const listed = (await collected(client.models.list())).find(({ id }) => id === "acme/chat");
    expect(listed).toMatchObject({ root: "alias-base", alias_of: tuned[0] });
    await client.chat.completions.create(ask);
    const digests = () => engine.requests.at(-1)?.request.model.deltas.map(({ digest, weight }) => [digest, weight]);
    const delta = (
      await api.call<{ data: { digest: string; models: string[] }[] }>("GET", "/v1/deltas", { key })
    ).data.find(({ models }) => models.includes(tuned[0] ?? ""));
    expect(digests()).toEqual([[delta?.digest, 1]]);
    const added = { ...ask, model: "alias-base", deltas: [{ id: "acme/chat", weight: 0.5 }] };
    await api.call("POST", "/v1/chat/completions", { key, body: added });
    expect(digests()).toEqual([[delta?.digest, 0.5]]);
  });

  it("protect the model that they point to", async () => {
    await call("POST", "", { id: "guard", model: tuned[0] });
    const deleteModel = () => api.refusal("DELETE", `/v1/models/${encodeURIComponent(tuned[0] ?? "")}`, { key });
    expect(await deleteModel()).toMatchObject({ status: 409, message: expect.stringContaining("points to") });
    const deltas = await api.call<{ data: { id: string; models: string[] }[] }>("GET", "/v1/deltas", { key });
    const delta = deltas.data.find(({ models }) => models.includes(tuned[0] ?? ""));
    expect(await api.refusal("DELETE", `/v1/deltas/${delta?.id}`, { key })).toMatchObject({ status: 409 });
    expect(await api.refusal("DELETE", "/v1/models/guard", { key })).toMatchObject({
      status: 409,
      message: expect.stringContaining("DELETE /v1/aliases/guard"),
    });
    expect(await call("DELETE", "/guard")).toEqual({ id: "guard", object: "alias", deleted: true });
    expect(await refusal("GET", "/guard")).toMatchObject({ status: 404, param: "alias" });
  });

  it("do not return to a model that was deleted", async () => {
    const file = await api.dataset(key);
    await api.call("POST", "/v1/fine_tuning/jobs", {
      key,
      body: { model: "alias-base", training_file: file, suffix: "x" },
    });
    const { model } = await new FakeTrainer(api).work("aliases");
    await call("POST", "", { id: "back", model });
    await call("POST", "/back", { model: "alias-base" });
    await api.call("DELETE", `/v1/models/${encodeURIComponent(model)}`, { key });
    expect(await refusal("POST", "/back/rollback")).toMatchObject({
      status: 404,
      code: "model_not_found",
      message: `Version 1 of the alias back points to ${model}, which is gone. Move the alias to another model.`,
    });
  });

  it("are refused names and targets that would mislead", async () => {
    await call("POST", "", { id: "taken", model: "alias-base" });
    expect(await refusal("POST", "", { id: "taken", model: "alias-base" })).toMatchObject({ status: 409, param: "id" });
    expect(await refusal("POST", "", { id: "alias-base", model: tuned[1] })).toMatchObject({
      status: 409,
      param: "id",
    });
    expect(await refusal("POST", "", { id: "ft:x", model: "alias-base" })).toMatchObject({ status: 400, param: "id" });
    expect(await refusal("POST", "", { id: "a", model: "taken" })).toMatchObject({
      status: 400,
      param: "model",
      message: "taken is an alias itself. Point to the model that it points to: alias-base.",
    });
    expect(await refusal("POST", "", { id: "a", model: "nothing" })).toMatchObject({ status: 404, param: "model" });
    expect(await refusal("POST", "/taken", { model: "ft:no:such:model:x" })).toMatchObject({ status: 404 });
    expect(await refusal("POST", "/taken", { model: tuned[1], if_model: tuned[0] })).toMatchObject({
      status: 409,
      param: "if_model",
    });
    expect(await refusal("POST", "/taken/rollback", { version: 9 })).toMatchObject({ status: 404, param: "version" });
    expect(await refusal("POST", "/none", { model: "alias-base" })).toMatchObject({ status: 404, param: "alias" });
  });

  it("carry a steering preset, which moves and returns with the model", async () => {
    const preset = (name: string) => api.call("POST", "/v1/steering/presets", { key, body: { name, steering: {} } });
    await preset("calm");
    await preset("bold");
    const bot = await call("POST", "", { id: "steered", model: "alias-base", steering: "calm" });
    expect(bot).toMatchObject({ steering: "calm", version: 1, previous_steering: null });
    expect(await call("POST", "/steered", { model: tuned[1], steering: "bold@1" })).toMatchObject({
      model: tuned[1],
      steering: "bold@1",
      version: 2,
      previous_model: "alias-base",
      previous_steering: "calm",
    });
    expect(await call("POST", "/steered", { model: "alias-base", if_model: null })).toMatchObject({
      steering: "bold@1",
      version: 3,
    });
    expect(await call("POST", "/steered", { steering: null })).toMatchObject({
      model: "alias-base",
      steering: null,
      version: 4,
    });
    expect(await call("POST", "/steered", { steering: null })).toMatchObject({ version: 4 });
    expect(await call("POST", "/steered/rollback")).toMatchObject({ steering: "bold@1", model: "alias-base" });
    expect(await call("POST", "/steered/rollback")).toMatchObject({ steering: "bold@1", model: tuned[1] });
    expect(await call("POST", "/steered/rollback")).toMatchObject({
      steering: "calm",
      model: "alias-base",
      version: 7,
    });
    const { data } = (await call("GET", "/steered/history")) as { data: { steering: string | null }[] };
    expect(data.map(({ steering }) => steering)).toEqual([
      "calm",
      "bold@1",
      "bold@1",
      null,
      "bold@1",
      "bold@1",
      "calm",
    ]);
  });

  it("are refused presets that are not there, and do not return to one that was deleted", async () => {
    const preset = { name: "brief", steering: {} };
    await api.call("POST", "/v1/steering/presets", { key, body: preset });
    const gone = { status: 404, param: "steering" };
    expect(await refusal("POST", "", { id: "b", model: "alias-base", steering: "none" })).toMatchObject(gone);
    expect(await refusal("POST", "", { id: "b", model: "alias-base", steering: "brief@2" })).toMatchObject(gone);
    expect(await refusal("POST", "", { id: "b", model: "alias-base", steering: "a b" })).toMatchObject({
      status: 400,
      param: "steering",
    });
    expect(await refusal("GET", "/b")).toMatchObject({ status: 404 });
    await call("POST", "", { id: "b", model: "alias-base", steering: "brief@1" });
    expect(await refusal("POST", "/b", { steering: "none", model: tuned[1] })).toMatchObject(gone);
    expect(await refusal("POST", "/b", {})).toMatchObject({ status: 400, param: "model" });
    const remove = () => api.refusal("DELETE", "/v1/steering/presets/brief", { key });
    expect(await remove()).toMatchObject({
      status: 409,
      param: "preset",
      message: "The alias b is steered by brief. Move the alias to another steering preset, or to none, first.",
    });
    await call("POST", "/b", { steering: null });
    await api.call("DELETE", "/v1/steering/presets/brief", { key });
    expect(await refusal("POST", "/b/rollback")).toMatchObject({
      status: 404,
      message: "Version 1 of the alias b is steered by brief@1, which is gone. Move the alias to another preset.",
    });
    expect(await call("GET", "/b")).toMatchObject({ version: 2, steering: null });
  });

  it("are created once for each Idempotency-Key, and are their tenant's alone", async () => {
    const create = () =>
      api.send("POST", path, { key, body: { id: "again", model: tuned[1] }, headers: { "idempotency-key": "a" } });
    const first = await (await create()).json();
    const again = await create();
    expect([again.status, await again.json()]).toEqual([200, first]);
    const thief = await api.tenant("alias-thief");
    expect(await api.refusal("GET", `${path}/again`, { key: thief })).toMatchObject({ status: 404 });
    expect(await api.refusal("POST", path, { key: thief, body: { id: "mine", model: tuned[1] } })).toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    expect(await api.call("POST", path, { key: thief, body: { id: "again", model: "alias-base" } })).toMatchObject({
      model: "alias-base",
    });
  });
});
