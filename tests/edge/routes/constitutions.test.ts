import { beforeAll, expect, it } from "vitest";
import { Api } from "../support/api.ts";

const api = new Api();
const path = "/v1/constitutions";
let key: string;
let file: string;

beforeAll(async () => {
  await api.base("critical-base");
  key = await api.tenant("principled");
  file = await api.dataset(key, [{ messages: [{ role: "user", content: "Pass the salt?" }] }]);
});

const call = <T>(method: string, suffix: string, body?: unknown) =>
  api.call<T>(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });
const refusal = (method: string, suffix: string, body?: unknown) =>
  api.refusal(method, path + suffix, { key, ...(body === undefined ? {} : { body }) });

const principles = [{ principle: "Be kind." }];
const examples = [{ prompt: "p", reply: "r", critique: "c", revision: "v" }];

it("are created, get new versions, and keep the old ones", async () => {
  const first = { id: "kindness", object: "constitution", name: "kindness", version: 1, principles };
  const empty = { examples: [], label_prompt: null, description: null, created_at: expect.any(Number) };
  expect(await call("POST", "", { name: "kindness", principles })).toEqual({ ...first, ...empty });
  expect(await call("POST", "/kindness", { principles, examples, description: "more" })).toMatchObject({
    version: 2,
    examples,
    description: "more",
  });
  // The same again changes nothing; a description that is left out stays.
  expect(await call("POST", "/kindness", { principles, examples })).toMatchObject({ version: 2, description: "more" });
  const label_prompt = "{{item.a}} or {{item.b}}?";
  expect(await call("POST", "/kindness", { principles, label_prompt, if_version: 2 })).toMatchObject({
    version: 3,
    examples: [],
    label_prompt,
  });
  expect(await refusal("POST", "/kindness", { principles, if_version: 2 })).toMatchObject({
    status: 409,
    param: "if_version",
  });
  expect(await call("GET", "/kindness")).toMatchObject({ object: "constitution", version: 3 });
  expect(await call("GET", "/kindness@1")).toEqual({
    ...{ id: "kindness@1", object: "constitution.version", version: 1, principles },
    ...empty,
  });
  expect(await call("GET", "/kindness/versions?limit=2")).toMatchObject({
    has_more: true,
    data: [{ id: "kindness@3" }, { id: "kindness@2", examples }],
  });
  expect(await call("GET", "/kindness/versions?after=kindness@2")).toMatchObject({ data: [{ id: "kindness@1" }] });
  expect(await call("GET", "")).toMatchObject({ data: [{ id: "kindness", version: 3 }] });
});

it("a job keeps a copy of the version that it names, which stays when the constitution goes", async () => {
  await call("POST", "", { name: "brevity", principles: [{ principle: "Be brief." }] });
  await call("POST", "/brevity", { principles: [{ principle: "Be very brief." }] });
  const create = (constitution: unknown) =>
    api.call<{ id: string; method: unknown }>("POST", "/v1/fine_tuning/jobs", {
      key,
      body: {
        model: "critical-base",
        training_file: file,
        method: { type: "constitutional", constitutional: { constitution } },
      },
    });
  const kept = (job: { method: unknown }) => job.method as { constitutional: { constitution: unknown } };
  const pinned = await create("brevity@1");
  const newest = await create("brevity");
  const inline = await create({ principles: [{ principle: "Be mine." }] });
  expect(await call("DELETE", "/brevity")).toEqual({ id: "brevity", object: "constitution", deleted: true });
  const copies = [];
  for (const { id } of [pinned, newest, inline]) {
    const job = await api.call<{ method: unknown }>("GET", `/v1/fine_tuning/jobs/${id}`, { key });
    copies.push(kept(job).constitutional.constitution);
  }
  expect(copies).toEqual([
    { name: "brevity@1", principles: [{ principle: "Be brief." }] },
    { name: "brevity@2", principles: [{ principle: "Be very brief." }] },
    { principles: [{ principle: "Be mine." }] },
  ]);
  for (const suffix of ["/brevity", "/brevity@1", "/brevity/versions"]) {
    expect(await refusal("GET", suffix)).toMatchObject({ status: 404, param: "constitution" });
  }
});

it.each([
  ["nothing", "method.constitutional.constitution"],
  ["kindness@99", "method.constitutional.constitution"],
])("a job that names %s, which there is not, is refused by its field", async (constitution, param) => {
  const method = { type: "constitutional", constitutional: { constitution } };
  const body = { model: "critical-base", training_file: file, method };
  expect(await api.refusal("POST", "/v1/fine_tuning/jobs", { key, body })).toMatchObject({ status: 404, param });
});

it("a job whose judge's template cannot be read is refused by its field", async () => {
  const grader = { type: "string_check", name: "n", operation: "eq", input: "{{open", reference: "x" };
  const method = { type: "constitutional", constitutional: { judge: { type: "grader", grader } } };
  const body = { model: "critical-base", training_file: file, method };
  expect(await api.refusal("POST", "/v1/fine_tuning/jobs", { key, body })).toMatchObject({
    status: 400,
    param: "method.constitutional.judge.grader.input",
  });
});

it("what is wrong with one is named", async () => {
  const bad: [unknown, Record<string, unknown>][] = [
    [{ principles }, { status: 400, param: "name" }],
    [
      { name: "a@1", principles },
      { status: 400, param: "name" },
    ],
    [
      { name: "a", principles: [] },
      { status: 400, param: "principles" },
    ],
    [
      { name: "a", principles, label_prompt: "{{item.a}}" },
      { status: 400, param: "label_prompt" },
    ],
    [
      { name: "a", principles, unknown: 1 },
      { status: 400, param: "unknown" },
    ],
    [
      { name: "kindness", principles },
      { status: 409, param: "name" },
    ],
  ];
  for (const [body, expected] of bad) expect(await refusal("POST", "", body)).toMatchObject(expected);
  expect(await refusal("POST", "/gone", { principles })).toMatchObject({ status: 404, param: "constitution" });
  expect(await refusal("DELETE", "/gone")).toMatchObject({ status: 404, param: "constitution" });
});
