import OpenAI from "openai";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { GenerateEvent } from "../../../edge/serving/protocol.ts";
import { CreateChatCompletion } from "../../../shared/api/chat.ts";
import { decodeSettings } from "../../../shared/decode/registry.ts";
import { ADMIN_TOKEN, Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { echo, FakeEngine } from "../support/fake-engine.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { tinyBase } from "../support/tiny-base.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const messages = [{ role: "user" as const, content: "hi" }];
let key: string;
let client: OpenAI;
let tuned: string;
let delta: string;

beforeAll(async () => {
  await api.base("chat-base");
  key = await api.tenant("chatter");
  client = openai(api, key);
  const file = await api.dataset(key);
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "chat-base", training_file: file } });
  tuned = (await new FakeTrainer(api).work("chat")).model;
  delta = (await api.call<{ data: { id: string }[] }>("GET", "/v1/deltas", { key })).data[0]?.id ?? "";
});

beforeEach(() => {
  engine.script = echo;
  engine.requests.length = 0;
  engine.cancelled = 0;
});

const refused = (fields: Record<string, unknown>) =>
  api.refusal("POST", "/v1/chat/completions", { key, body: { model: "chat-base", messages, ...fields } });

describe("a chat completion", () => {
  it("answers as OpenAI's does", async () => {
    const completion = await client.chat.completions.create({ model: "chat-base", messages, n: 2 });
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: "chat.completion",
      model: "chat-base",
      choices: [0, 1].map((index) => ({
        index,
        message: { role: "assistant", content: "hello", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      })),
      usage: {
        prompt_tokens: 7,
        completion_tokens: 4,
        total_tokens: 11,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    });
  });

  it("asks the base's own Engine for what was asked, with OpenAI's defaults", async () => {
    await client.chat.completions.create({ model: "chat-base", messages });
    expect(engine.requests[0]).toMatchObject({
      name: "chat-base",
      request: {
        requestId: expect.stringMatching(/^req_/),
        tenant: "chatter",
        model: {
          base: { id: "chat-base", prefix: expect.stringMatching(/^bases\/chat-base\/[0-9a-f]{64}\/$/) },
          weights: null,
          deltas: [],
        },
        prompt: { kind: "chat", messages },
        sampling: {
          settings: {},
          seed: null,
          maxTokens: null,
          stop: [],
          n: 1,
          topLogprobs: null,
        },
      },
    });
  });

  it("hands every parameter on", async () => {
    await client.chat.completions.create({
      model: "chat-base",
      messages: [
        { role: "developer", content: "be brief" },
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
        { role: "assistant", content: "c", refusal: null },
      ],
      temperature: 0,
      top_p: 0.5,
      n: 3,
      stop: "x",
      seed: 5,
      max_completion_tokens: 9,
      presence_penalty: 1,
      frequency_penalty: -1,
      logit_bias: { "4": -100 },
      logprobs: true,
      top_logprobs: 2,
      user: "u",
      metadata: { a: "b" },
      response_format: { type: "text" },
    });
    expect(engine.requests[0]?.request).toMatchObject({
      prompt: {
        messages: [
          { role: "system", content: "be brief" },
          { role: "user", content: "ab" },
          { role: "assistant", content: "c" },
        ],
      },
      sampling: {
        settings: { temperature: 0, presencePenalty: 1, frequencyPenalty: -1, logitBias: [[4, -100]] },
        seed: 5,
        maxTokens: 9,
        stop: ["x"],
        n: 3,
        topLogprobs: 2,
      },
    });
  });

  it("takes its own reply back as a message, in the form of every object that the SDK makes of it", async () => {
    const request = { model: "chat-base", messages };
    const replies = [
      (await client.chat.completions.create(request)).choices[0]?.message,
      (await client.chat.completions.parse(request)).choices[0]?.message,
      await client.chat.completions.stream(request).finalMessage(),
    ];
    for (const reply of replies) {
      if (reply === undefined) throw new Error("no choice");
      const echoed = { ...reply, audio: null, function_call: null, annotations: [], tool_calls: [] };
      for (const message of [reply, echoed]) {
        await client.chat.completions.create({ ...request, messages: [...messages, message, ...messages] });
        expect(engine.requests.at(-1)?.request.prompt).toEqual({
          kind: "chat",
          messages: [...messages, { role: "assistant", content: "hello" }, ...messages],
        });
      }
    }
  });

  it("sends the Engine the same request with neutral fields added", async () => {
    const nulls = Object.fromEntries(
      Object.keys(CreateChatCompletion.shape)
        .filter((name) => name !== "model" && name !== "messages")
        .map((name) => [name, null]),
    );
    const neutral = {
      store: false,
      tools: [],
      functions: [],
      tool_choice: "none",
      function_call: "auto",
      parallel_tool_calls: true,
      service_tier: "auto",
      modalities: ["text"],
      prompt_cache_key: "k",
      safety_identifier: "s",
      reasoning_effort: "none",
      verbosity: "medium",
      stream: false,
      stream_options: { include_usage: null, include_obfuscation: false },
      response_format: { type: "text" },
      metadata: { a: null },
      logit_bias: {},
      logprobs: false,
      top_logprobs: 0,
      stop: [],
      n: 1,
      top_k: -1,
      min_p: 0,
      repetition_penalty: 1,
      deltas: [],
    };
    for (const fields of [{}, nulls, neutral]) {
      await api.call("POST", "/v1/chat/completions", { key, body: { model: "chat-base", messages, ...fields } });
    }
    // An explicit value overrides the model's default even if it is neutral, so this compares the resulting settings.
    const [plain, ...others] = engine.requests.map(({ request: { requestId: _, sampling, ...asked } }) => {
      const settings = decodeSettings({ temperature: 1, topP: 1, ...sampling.settings });
      return { ...asked, sampling: { ...sampling, settings } };
    });
    for (const other of others) expect(other).toEqual(plain);
    expect(Object.keys(nulls).length).toBeGreaterThan(35);
  });

  it("hides the lengths of what a stream says, where it is asked to", async () => {
    const sizes = async (include_obfuscation: boolean) => {
      const stream_options = { include_obfuscation };
      const stream = await client.chat.completions.create({
        model: "chat-base",
        messages,
        stream: true,
        stream_options,
      });
      const chunks = (await collected(stream)).filter(({ choices }) => choices[0]?.delta.role === undefined);
      return chunks.map((chunk) => JSON.stringify(chunk).length % 64);
    };
    expect(new Set(await sizes(true))).toEqual(new Set([0]));
    expect(new Set(await sizes(false)).size).toBeGreaterThan(1);
  });

  it("hands on names and what vLLM's fields ask for", async () => {
    const named = [{ role: "user", content: "hi", name: "alice" }];
    const fields = { messages: named, top_k: 40, min_p: 0.1, repetition_penalty: 1.2 };
    await api.call("POST", "/v1/chat/completions", { key, body: { model: "chat-base", ...fields } });
    expect(engine.requests[0]?.request).toMatchObject({
      prompt: { messages: named },
      sampling: { settings: { topK: 40, minP: 0.1, repetitionPenalty: 1.2 } },
    });
  });

  it("reports log-probabilities", async () => {
    const { choices } = await client.chat.completions.create({
      model: "chat-base",
      messages,
      logprobs: true,
      top_logprobs: 1,
    });
    const bytes = [108, 111];
    expect(choices[0]?.logprobs).toEqual({
      refusal: null,
      content: [
        {
          token: "hel",
          logprob: -0.5,
          bytes: [104, 101, 108],
          top_logprobs: [{ token: "hel0", logprob: -0.5, bytes: [104, 101, 108, 48] }],
        },
        { token: "lo", logprob: -0.5, bytes, top_logprobs: [{ token: "lo0", logprob: -0.5, bytes: [...bytes, 48] }] },
      ],
    });
  });

  it("answers with a fine-tuned model, and with deltas on top of the base", async () => {
    await client.chat.completions.create({ model: tuned, messages });
    const { deltas } = engine.requests[0]?.request.model ?? {};
    expect(deltas).toMatchObject([
      { weight: 1, digest: expect.any(String), prefix: expect.stringMatching(/^tenants\/chatter\/deltas\//) },
    ]);
    await api.call("POST", "/v1/chat/completions", {
      key,
      body: {
        model: "chat-base",
        messages,
        deltas: [
          { id: delta, weight: 0.5 },
          { id: tuned, weight: 0.25 },
        ],
      },
    });
    expect(engine.requests[1]?.request.model.deltas).toMatchObject([{ weight: 0.75, digest: deltas?.[0]?.digest }]);
  });

  it("counts what was used", async () => {
    const usage = () =>
      api.call<{ days: { requests: number; prompt_tokens: number; completion_tokens: number }[] }>(
        "GET",
        "/v1/admin/tenants/chatter/usage",
        { key: ADMIN_TOKEN },
      );
    const [before] = (await usage()).days;
    await client.chat.completions.create({ model: "chat-base", messages });
    const [after] = (await usage()).days;
    expect(after?.requests).toBe((before?.requests ?? 0) + 1);
    expect(after?.prompt_tokens).toBe((before?.prompt_tokens ?? 0) + 7);
    expect(after?.completion_tokens).toBe((before?.completion_tokens ?? 0) + 2);
  });
});

describe("a stream", () => {
  it("gives the role first, then the text, then the reason", async () => {
    const stream = await client.chat.completions.create({ model: "chat-base", messages, stream: true });
    const chunks = await collected(stream);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every(({ object }) => object === "chat.completion.chunk")).toBe(true);
    expect(chunks.map(({ choices }) => choices[0])).toEqual([
      { index: 0, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null },
      { index: 0, delta: { content: "hel" }, logprobs: null, finish_reason: null },
      { index: 0, delta: { content: "lo" }, logprobs: null, finish_reason: null },
      { index: 0, delta: {}, logprobs: null, finish_reason: "stop" },
    ]);
    expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true);
  });

  it("ends with the usage where that is asked for, and with [DONE]", async () => {
    const response = await api.send("POST", "/v1/chat/completions", {
      key,
      body: { model: "chat-base", messages, stream: true, stream_options: { include_usage: true } },
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    const lines = (await response.text()).split("\n\n");
    expect(lines.slice(-2)).toEqual(["data: [DONE]", ""]);
    const chunks = lines.slice(0, -2).map((line) => JSON.parse(line.slice("data: ".length)));
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    });
  });

  it("reports an error in the middle as one more line", async () => {
    engine.script = function* (): Generator<GenerateEvent> {
      yield { type: "token", choice: 0, text: "he" };
      yield { type: "error", code: "corrupt_blob", message: "The weights have rotted.", param: null };
    };
    const response = await api.send("POST", "/v1/chat/completions", {
      key,
      body: { model: "chat-base", messages, stream: true },
    });
    const lines = (await response.text()).trim().split("\n\n");
    expect(JSON.parse(lines.at(-1)?.slice("data: ".length) ?? "")).toEqual({
      error: { message: "The weights have rotted.", type: "server_error", param: null, code: "corrupt_blob" },
    });
    const stream = await client.chat.completions.create({ model: "chat-base", messages, stream: true });
    await expect(collected(stream)).rejects.toThrow(OpenAI.APIError);
  });

  it("gives an error before the first token its own status", async () => {
    engine.script = function* (): Generator<GenerateEvent> {
      yield { type: "error", code: "context_length_exceeded", message: "Too long.", param: "messages" };
    };
    for (const stream of [true, false]) {
      expect(await refused({ stream })).toMatchObject({
        status: 400,
        code: "context_length_exceeded",
        param: "messages",
      });
    }
    engine.script = function* (): Generator<GenerateEvent> {
      yield { type: "error", code: "capacity_exceeded", message: "Full.", param: null };
    };
    const response = await api.send("POST", "/v1/chat/completions", { key, body: { model: "chat-base", messages } });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  });

  it("takes an answer that breaks off for an error", async () => {
    engine.script = function* (): Generator<GenerateEvent> {
      yield { type: "token", choice: 0, text: "he" };
    };
    expect(await refused({})).toMatchObject({ status: 500, code: "internal_error" });
  });

  it("ends in the Engine when the client leaves", async () => {
    let made = 0;
    engine.script = async function* (): AsyncGenerator<GenerateEvent> {
      for (;;) {
        made++;
        yield { type: "token", choice: 0, text: "x" };
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const stream = await client.chat.completions.create({ model: "chat-base", messages, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === "x") break;
    await expect.poll(() => engine.cancelled).toBe(1);
    const then = made;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(made).toBe(then);
  });
});

describe("what is refused", () => {
  it.each([
    ["unknown fields", { owner: "me" }, "owner", "invalid_request"],
    [
      "an unknown field inside a message",
      { messages: [{ role: "user", content: "a", x: 1 }] },
      "messages[0].x",
      "invalid_request",
    ],
    ["a tool without a function", { tools: [{ type: "function" }] }, "tools[0].function", "invalid_request"],
    ["other kinds of tools", { tools: [{ type: "custom" }] }, "tools[0].type", "unsupported_parameter"],
    ["functions", { functions: [{ name: "f" }] }, "functions", "unsupported_parameter"],
    [
      "a call of a function by its old name",
      { function_call: { name: "f" } },
      "function_call",
      "unsupported_parameter",
    ],
    ["storing a little", { store: "some" }, "store", "invalid_request"],
    ["a part of the steering that there is not", { steering: { magic: {} } }, "steering.magic", "invalid_request"],
    [
      "an unknown response format",
      { response_format: { type: "xml" } },
      "response_format.type",
      "unsupported_parameter",
    ],
    [
      "images",
      { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
      "messages[0].content[0].type",
      "invalid_request",
    ],
    ["other roles", { messages: [{ role: "function", content: "a" }] }, "messages[0].role", "unsupported_parameter"],
    [
      "a result without a call",
      { messages: [{ role: "tool", content: "a", tool_call_id: "x" }] },
      "messages[0].tool_call_id",
      "invalid_request",
    ],
    ["no messages", { messages: [] }, "messages", "invalid_request"],
    ["a null element of a list", { stop: [null] }, "stop[0]", "invalid_request"],
    ["a content of null", { messages: [{ role: "user", content: null }] }, "messages[0].content", "invalid_request"],
    ["a missing content", { messages: [{ role: "user" }] }, "messages[0].content", "invalid_request"],
    ["too many choices", { n: 17 }, "n", "invalid_request"],
    ["a temperature out of range", { temperature: 2.5 }, "temperature", "invalid_request"],
    ["too many stop sequences", { stop: Array.from({ length: 17 }, (_, i) => `${i}`) }, "stop", "invalid_request"],
    ["a stop sequence that is too long", { stop: "x".repeat(257) }, "stop", "invalid_request"],
    [
      "too many biases",
      { logit_bias: Object.fromEntries(Array.from({ length: 301 }, (_, i) => [i, 0])) },
      "logit_bias",
      "invalid_request",
    ],
    ["a bias for no token", { logit_bias: { word: 1 } }, "logit_bias.word", "invalid_request"],
    ["too many alternatives", { logprobs: true, top_logprobs: 21 }, "top_logprobs", "invalid_request"],
    ["alternatives without log-probabilities", { top_logprobs: 2 }, "top_logprobs", "invalid_request"],
    ["two limits", { max_tokens: 1, max_completion_tokens: 2 }, "max_tokens", "invalid_request"],
    ["no tokens", { max_tokens: 0 }, "max_tokens", "invalid_request"],
    ["too many deltas", { deltas: Array.from({ length: 9 }, () => ({ id: "d" })) }, "deltas", "invalid_request"],
    ["a weight beyond its limit", { deltas: [{ id: "d", weight: 9 }] }, "deltas[0].weight", "invalid_request"],
  ])("%s", async (_, fields, param, code) => {
    const refusal = await refused(fields);
    expect(refusal).toMatchObject({ status: 400, code, param });
    expect(refusal.message).toContain(param);
    expect(engine.requests).toEqual([]);
  });

  it("an unknown model, a delta that is not there", async () => {
    expect(await refused({ model: "nothing" })).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    expect(await refused({ model: "ft:chat-base:other::abcdefgh" })).toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    expect(await refused({ deltas: [{ id: "delta-x" }] })).toMatchObject({ status: 404, param: "deltas[0].id" });
  });

  it("a delta that was made for another base", async () => {
    await api.uploadBase("chat-other", tinyBase({ "README.md": "another" }));
    await api.call("POST", "/v1/admin/models/chat-other/publish", { key: ADMIN_TOKEN });
    expect(await refused({ model: "chat-other", deltas: [{ id: delta }] })).toMatchObject({
      status: 400,
      code: "invalid_delta",
      param: "deltas[0].id",
      message: expect.stringContaining("is for chat-base"),
    });
  });
});

describe("limits", () => {
  it("stop a tenant that asks too often, and say when to come back", async () => {
    const hasty = await api.tenant("hasty", { requests_per_minute: 2 });
    const send = () => api.send("GET", "/v1/files", { key: hasty });
    const first = await send();
    expect(first.headers.get("x-ratelimit-limit-requests")).toBe("2");
    expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    await send();
    const third = await send();
    expect(third.status).toBe(429);
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(third.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(third.headers.get("x-ratelimit-reset-requests")).toMatch(/^\d+\.\d{3}s$/);
    expect(await third.json()).toMatchObject({ error: { code: "rate_limit_exceeded", type: "rate_limit_error" } });
  });

  it("stop a tenant that has used its tokens, for generations only", async () => {
    const greedy = await api.tenant("greedy", { tokens_per_minute: 5 });
    const body = { model: "chat-base", messages };
    expect((await api.send("POST", "/v1/chat/completions", { key: greedy, body })).status).toBe(200);
    expect(await api.refusal("POST", "/v1/chat/completions", { key: greedy, body })).toMatchObject({ status: 429 });
    expect((await api.send("GET", "/v1/files", { key: greedy })).status).toBe(200);
  });
});
