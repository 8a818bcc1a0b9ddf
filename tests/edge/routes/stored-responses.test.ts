import { expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { openai } from "../support/client.ts";
import { FakeEngine } from "../support/fake-engine.ts";

it("the SDK reads and deletes responses that were kept", async () => {
  const api = new Api({ ENGINE: new FakeEngine().binding });
  await api.base("responding");
  const key = await api.tenant("responses");
  const client = openai(api, key);
  const made = await client.responses.create({ model: "responding", input: "hi", store: true, metadata: { a: "b" } });
  const { output_text: text, ...plain } = made;
  expect(await client.responses.retrieve(made.id)).toMatchObject({
    id: made.id,
    status: "completed",
    output_text: text,
  });
  expect(plain.metadata).toEqual({ a: "b" });
  await client.responses.delete(made.id);
  await expect(client.responses.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
});

it.each([false, true])("a response is kept with the ids that the client got (stream: %s)", async (stream) => {
  const engine = new FakeEngine();
  const api = new Api({ ENGINE: engine.binding });
  await api.base(`calling-${stream}`);
  const key = await api.tenant(`callers-${stream}`);
  engine.script = function* () {
    const call = (index: number) => ({ type: "call", choice: 0, index, name: "look" }) as const;
    yield { type: "token", choice: 0, text: "First " };
    yield call(0);
    yield { type: "arguments", choice: 0, index: 0, text: "{}" };
    yield { type: "token", choice: 0, text: "then " };
    yield call(1);
    yield { type: "arguments", choice: 0, index: 1, text: "{}" };
    yield { type: "finish", choice: 0, reason: "tool_calls" };
    yield { type: "usage", promptTokens: 3, completionTokens: 2, cachedTokens: 0 };
  };
  const tools = [{ type: "function", name: "look", parameters: { type: "object" } }];
  const body = { model: `calling-${stream}`, input: "hi", tools, store: true, stream };
  const reply = await (await api.send("POST", "/v1/responses", { key, body })).text();
  const last = reply.split("\n").findLast((line) => line.startsWith("data: "));
  const given = stream ? JSON.parse(last!.slice("data: ".length)).response : JSON.parse(reply);
  expect(given.output.length).toBeGreaterThan(2);
  expect(await api.call("GET", `/v1/responses/${given.id}`, { key })).toEqual(given);
});

it("another API's id is not found under the name of the parameter that was sent", async () => {
  const api = new Api({ ENGINE: new FakeEngine().binding });
  await api.base("chatting");
  const key = await api.tenant("chatters");
  const body = { model: "chatting", messages: [{ role: "user", content: "a" }], store: true };
  const { id } = await api.call<{ id: string }>("POST", "/v1/chat/completions", { key, body });
  const refusal = await api.refusal("GET", `/v1/responses/${id}`, { key });
  expect(refusal).toMatchObject({ status: 404, param: "response_id" });
  expect(refusal.message).toContain(`"${id}"`);
  expect(refusal.message).not.toContain("of kind");
});
