import { beforeAll, expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const path = "/v1/steering/presets";
let key: string;
let tuned: string;

beforeAll(async () => {
  await api.base("preset-base");
  key = await api.tenant("steering");
  const file = await api.dataset(key);
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "preset-base", training_file: file } });
  tuned = (await new FakeTrainer(api).work()).model;
});

const call = (method: string, suffix: string, body?: unknown) =>
  api.call(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });
const refusal = (method: string, suffix: string, body?: unknown) =>
  api.refusal(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });

it("are created, updated, rolled back step by step, and keep their versions", async () => {
  const first = {
    experts: [{ id: tuned, weight: 1 }],
    contrastive: { amateur: "preset-base", alpha: 0.1, temperature: 0.5 },
  };
  expect(await call("POST", "", { name: "calm", steering: first, description: "quiet" })).toEqual({
    id: "calm",
    object: "steering.preset",
    name: "calm",
    created_at: expect.any(Number),
    version: 1,
    steering: first,
    description: "quiet",
    previous_version: null,
  });
  const second = { rules: { banned: ["never"] } };
  expect(await call("POST", "/calm", { steering: second, if_version: 1 })).toMatchObject({
    version: 2,
    steering: second,
    description: "quiet",
    previous_version: 1,
  });
  expect(await call("POST", "/calm", { steering: second })).toMatchObject({ version: 2 });
  expect(await call("POST", "/calm", { steering: {}, description: "off" })).toMatchObject({ version: 3 });
  expect(await call("POST", "/calm/rollback")).toMatchObject({ version: 4, steering: second, description: "quiet" });
  expect(await call("POST", "/calm/rollback", {})).toMatchObject({
    version: 5,
    steering: first,
    previous_version: null,
  });
  expect(await refusal("POST", "/calm/rollback")).toMatchObject({ status: 409 });
  expect(await call("POST", "/calm/rollback", { version: 3 })).toMatchObject({ version: 6, steering: {} });
  expect(await call("GET", "/calm/history?limit=2")).toMatchObject({
    has_more: true,
    data: [
      { id: "calm@6", object: "steering.preset.version", version: 6, steering: {}, by: "rollback", description: "off" },
      { id: "calm@5", version: 5, steering: first, by: "rollback" },
    ],
  });
  expect(await call("GET", "/calm/history?after=calm@3")).toMatchObject({
    has_more: false,
    data: [
      { id: "calm@2", by: "update", steering: second },
      { id: "calm@1", by: "create", steering: first },
    ],
  });
  expect(await call("GET", "")).toMatchObject({ data: [{ id: "calm", version: 6 }] });
  expect(await call("DELETE", "/calm")).toEqual({ id: "calm", object: "steering.preset", deleted: true });
  for (const suffix of ["/calm", "/calm/history"]) {
    expect(await refusal("GET", suffix)).toMatchObject({ status: 404, param: "preset" });
  }
});

it("are refused what a request's steering would be refused, by the same names", async () => {
  const bad: [unknown, Record<string, unknown>][] = [
    [{ steering: {} }, { status: 400, param: "name" }],
    [
      { name: "a@1", steering: {} },
      { status: 400, param: "name" },
    ],
    [{ name: "a" }, { status: 400, param: "steering" }],
    [
      { name: "a", steering: "calm" },
      { status: 400, param: "steering" },
    ],
    [
      { name: "a", steering: { wind: 1 } },
      { status: 400, param: "steering.wind" },
    ],
    [
      { name: "a", steering: { experts: [{ id: tuned, weight: "1" }] } },
      { status: 400, param: "steering.experts[0].weight" },
    ],
    [
      { name: "a", steering: { experts: [{ id: "nothing", weight: 1 }] } },
      { status: 404, code: "model_not_found", param: "steering.experts[0].id" },
    ],
    [
      { name: "a", steering: { experts: [{ id: "ft:no:such:model:x", weight: 1 }] } },
      { status: 404, code: "model_not_found", param: "steering.experts[0].id" },
    ],
    [
      { name: "a", steering: { rules: { scorer: "nobody" } } },
      { status: 404, code: "not_found", param: "steering.rules.scorer" },
    ],
    [
      { name: "a", steering: { rules: { json_schema: { description: "x".repeat(140_000) } } } },
      { status: 400, param: "steering" },
    ],
  ];
  for (const [body, expected] of bad) expect(await refusal("POST", "", body)).toMatchObject(expected);
  await call("POST", "", { name: "taken", steering: {} });
  expect(await refusal("POST", "", { name: "taken", steering: {} })).toMatchObject({ status: 409, param: "name" });
  expect(await refusal("POST", "/taken", { steering: {}, if_version: 2 })).toMatchObject({
    status: 409,
    param: "if_version",
  });
  expect(await refusal("POST", "/taken", {})).toMatchObject({ status: 400, param: "steering" });
  expect(await refusal("POST", "/taken/rollback", { version: 9 })).toMatchObject({ status: 404, param: "version" });
});

it("do not return to a version whose model was deleted", async () => {
  const file = await api.dataset(key);
  const job = { model: "preset-base", training_file: file, suffix: "brief" };
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body: job });
  const { model } = await new FakeTrainer(api).work();
  await call("POST", "", { name: "brief", steering: { experts: [{ id: model, weight: 1 }] } });
  await call("POST", "/brief", { steering: {} });
  await api.call("DELETE", `/v1/models/${encodeURIComponent(model)}`, { key });
  expect(await refusal("POST", "/brief/rollback")).toMatchObject({
    status: 404,
    code: "model_not_found",
    message: expect.stringContaining("The steering preset brief@1 names it at `experts[0].id`."),
  });
  expect(await call("GET", "/brief")).toMatchObject({ version: 2 });
});

it("are created once for each Idempotency-Key, and are their tenant's alone", async () => {
  const headers = { "idempotency-key": "preset" };
  const body = { name: "mine", steering: { experts: [{ id: tuned, weight: 1 }] } };
  const first = await (await api.send("POST", path, { key, body, headers })).json();
  expect(await (await api.send("POST", path, { key, body, headers })).json()).toEqual(first);
  const thief = await api.tenant("steering-thief");
  expect(await api.refusal("GET", `${path}/mine`, { key: thief })).toMatchObject({ status: 404 });
  expect(await api.refusal("POST", path, { key: thief, body })).toMatchObject({ status: 404, code: "model_not_found" });
});
