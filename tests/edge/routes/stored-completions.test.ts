import { beforeAll, expect, it } from "vitest";
import { CompletionObject } from "../../../shared/api/completions.ts";
import { StoredCompletion } from "../../../shared/api/kept-completions.ts";
import { Api } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";

const api = new Api({ ENGINE: new FakeEngine().binding });
const model = "continued-base";
let key: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("continuing");
});

const root = "/v1/completions";

it("a continuation that was kept is read, without scores, and deleted", async () => {
  const body = { model, prompt: ["a", "b"], n: 2, store: true, logprobs: 1, metadata: { page: "home" } };
  const made = CompletionObject.parse(await api.call("POST", root, { key, body }));
  expect(made.choices[0]!.logprobs).not.toBeNull();
  const stored = StoredCompletion.parse(await api.call("GET", `${root}/${made.id}`, { key }));
  expect(stored).toEqual({
    ...made,
    choices: made.choices.map((choice) => ({ ...choice, logprobs: null })),
    metadata: { page: "home" },
  });
  expect(await api.call("DELETE", `${root}/${made.id}`, { key })).toEqual({
    id: made.id,
    object: "text_completion.deleted",
    deleted: true,
  });
  for (const method of ["GET", "DELETE"]) {
    expect(await api.refusal(method, `${root}/${made.id}`, { key })).toMatchObject({
      ...{ status: 404, param: "completion_id" },
      message: expect.stringContaining(`"${made.id}"`),
    });
  }
});

it("one that was not kept, or that is a stream, is found by what was asked", async () => {
  const { id } = await api.call<{ id: string }>("POST", root, { key, body: { model, prompt: "a" } });
  expect(await api.refusal("GET", `${root}/${id}`, { key })).toMatchObject({ status: 404 });
  const response = await api.send("POST", root, { key, body: { model, prompt: "a", store: true, stream: true } });
  const [, streamed] = /"id":"(cmpl-\w+)"/.exec(await response.text())!;
  expect(await api.call("GET", `${root}/${streamed}`, { key })).toMatchObject({
    ...{ id: streamed, object: "text_completion", metadata: {} },
    choices: [{ text: "hello" }],
  });
});

it("another API's id is not found, and the error says where it is", async () => {
  const body = { model, messages: [{ role: "user", content: "a" }], store: true };
  const { id } = await api.call<{ id: string }>("POST", "/v1/chat/completions", { key, body });
  const refusal = await api.refusal("GET", `${root}/${id}`, { key });
  expect(refusal).toMatchObject({ status: 404, param: "completion_id" });
  expect(refusal.message).toBe(`The completion "${id}" was made by another API. It is at /v1/chat/completions/${id}.`);
});
