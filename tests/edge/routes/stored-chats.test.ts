import OpenAI from "openai";
import { beforeAll, expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeEngine } from "../support/fake-engine.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const model = "stored-base";
let key: string;
let client: OpenAI;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("storing");
  client = openai(api, key);
});

it("the SDK keeps, lists, reads, labels and deletes chats", async () => {
  const messages = [
    { role: "system" as const, content: "Be kind" },
    { role: "user" as const, content: "hi" },
  ];
  const made = await client.chat.completions.create({
    model,
    messages,
    store: true,
    logprobs: true,
    metadata: { page: "home" },
  });
  const without = await client.chat.completions.create({ model, messages });
  const second = await client.chat.completions.create({ model, messages, store: true });
  const stored = await client.chat.completions.retrieve(made.id);
  expect(stored).toMatchObject({
    ...made,
    choices: [{ ...made.choices[0], logprobs: null }],
    metadata: { page: "home" },
  });
  const listed = await collected(client.chat.completions.list({ limit: 1 }));
  expect(listed.map(({ id }) => id)).toEqual([made.id, second.id]);
  expect((await client.chat.completions.list({ model: "other" })).data).toEqual([]);
  const asked = await collected(client.chat.completions.messages.list(made.id, { limit: 1 }));
  expect(asked.map(({ role, content }) => ({ role, content }))).toEqual(messages);
  expect(await client.chat.completions.update(made.id, { metadata: { page: "end" } })).toMatchObject({
    metadata: { page: "end" },
  });
  expect(await client.chat.completions.delete(made.id)).toMatchObject({ id: made.id, deleted: true });
  for (const id of [made.id, without.id]) {
    await expect(client.chat.completions.retrieve(id)).rejects.toThrow(OpenAI.NotFoundError);
  }
});

it("a chat's id names no response, and metadata that is stored comes back", async () => {
  const { id } = await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: "a" }],
    store: true,
  });
  expect(await api.refusal("GET", `/v1/responses/${id}`, { key })).toMatchObject({ status: 404 });
});

it("refuses to keep prompts of token ids", async () => {
  const body = { model, prompt: [1, 2, 3], store: true };
  expect(await api.refusal("POST", "/v1/completions", { key, body })).toMatchObject({ status: 400, param: "store" });
});

it("a page of messages begins after one of the chat's, and after nothing else", async () => {
  const messages = ["a", "b", "c"].map((content) => ({ role: "user" as const, content }));
  const { id } = await client.chat.completions.create({ model, messages, store: true });
  const path = `/v1/chat/completions/${id}/messages`;
  const page = (query: string) =>
    api.call<{ data: { content: string }[]; has_more: boolean }>("GET", `${path}?${query}`, { key });
  expect(await page(`after=${id}-0&limit=1`)).toMatchObject({ data: [{ content: "b" }], has_more: true });
  expect(await page(`after=${id}-1&order=desc`)).toMatchObject({ data: [{ content: "a" }], has_more: false });
  for (const list of [path, "/v1/chat/completions"]) {
    expect(await api.refusal("GET", `${list}?after=nobody`, { key })).toMatchObject({ status: 400, param: "after" });
  }
});
