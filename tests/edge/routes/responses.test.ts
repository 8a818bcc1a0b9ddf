import type OpenAI from "openai";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { GenerateEvent } from "../../../edge/serving/protocol.ts";
import { FOREIGN_FIELDS, type ForeignField } from "../../../shared/api/foreign-fields.ts";
import { ResponseObject } from "../../../shared/api/responses.ts";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { echo, FakeEngine, START } from "../support/fake-engine.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const model = "response-base";
let key: string;
let client: OpenAI;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("responder");
  client = openai(api, key);
});

beforeEach(() => {
  engine.script = echo;
  engine.start = START;
  engine.requests.length = 0;
});

const asked = () => engine.requests.at(-1)?.request;

describe("a response", () => {
  it("answers as OpenAI's does", async () => {
    const response = await client.responses.create({ model, input: "hi" });
    expect(response).toMatchObject({
      id: expect.stringMatching(/^resp_\w{24}$/),
      object: "response",
      status: "completed",
      model,
      output_text: "hello",
      error: null,
      incomplete_details: null,
      store: false,
      previous_response_id: null,
      output: [
        {
          id: expect.stringMatching(/^msg_\w{24}$/),
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "hello", annotations: [], logprobs: [] }],
        },
      ],
      usage: { input_tokens: 7, output_tokens: 2, total_tokens: 9, output_tokens_details: { reasoning_tokens: 0 } },
    });
    const raw = await api.call("POST", "/v1/responses", { key, body: { model, input: "hi" } });
    expect(ResponseObject.parse(raw)).toEqual(raw);
  });

  it("says how it was steered and what that cost, at once and in a stream", async () => {
    engine.script = async function* (request) {
      for await (const event of echo(request)) yield event.type === "usage" ? { ...event, steeringTokens: 5 } : event;
    };
    const preset = { name: "mild", steering: { guidance: {} } };
    await api.call("POST", "/v1/steering/presets", { key, body: preset });
    const steered = { model, input: "hi", steering: "mild" };
    const whole = await api.call<ResponseObject>("POST", "/v1/responses", { key, body: steered });
    expect(ResponseObject.parse(whole)).toEqual(whole);
    const said = { steering: { guidance: { scale: 1.5 } }, steering_preset: "mild@1", usage: { steering_tokens: 5 } };
    expect(whole).toMatchObject(said);
    const lines = await (await api.send("POST", "/v1/responses", { key, body: { ...steered, stream: true } })).text();
    const last = JSON.parse(lines.trim().split("data: ").at(-1)!);
    expect(last).toMatchObject({ type: "response.completed", response: said });
    expect(await api.refusal("POST", "/v1/responses", { key, body: { ...steered, trace: true } })).toMatchObject({
      param: "trace",
    });
  });

  it("asks the Engine for the same as a chat does", async () => {
    await client.responses.create({ model, input: "hi", temperature: 0.5, top_p: 0.9, max_output_tokens: 9 });
    const response = asked();
    await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: "hi" }],
      temperature: 0.5,
      top_p: 0.9,
      max_completion_tokens: 9,
    });
    expect(response).toEqual({ ...asked(), requestId: response?.requestId });
  });

  it("reports the values that the Engine uses, in whole answers and in streams", async () => {
    expect(await client.responses.create({ model, input: "hi" })).toMatchObject({
      temperature: 1,
      top_p: 1,
      max_output_tokens: null,
    });
    engine.start = { type: "start", temperature: 0, topP: 0.8, maxTokens: 40 };
    const used = { temperature: 0, top_p: 0.8, max_output_tokens: 40 };
    expect(await client.responses.create({ model, input: "hi" })).toMatchObject(used);
    const events = await collected(await client.responses.create({ model, input: "hi", stream: true }));
    const reported = events.flatMap((event) => ("response" in event ? [event.response] : []));
    expect(reported.length).toBe(3);
    for (const response of reported) expect(response).toMatchObject(used);
  });

  it("takes instructions, roles, parts, and what an earlier one said", async () => {
    const first = await client.responses.create({ model, input: "hi" });
    await client.responses.create({
      model,
      instructions: "Be brief.",
      input: [
        { role: "user", content: "hi" },
        // The SDK's type of an output is not one of its types of an input.
        ...(first.output as OpenAI.Responses.ResponseInputItem[]),
        { role: "developer", content: [{ type: "input_text", text: "In verse." }] },
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "And " },
            { type: "input_text", text: "now?" },
          ],
        },
      ],
    });
    expect(asked()?.prompt).toEqual({
      kind: "chat",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hi" },
        { role: "assistant", content: "hello" },
        { role: "system", content: "In verse." },
        { role: "user", content: "And now?" },
      ],
    });
  });

  it("reports log-probabilities where they are included", async () => {
    const { output } = await client.responses.create({
      model,
      input: "hi",
      include: ["message.output_text.logprobs"],
      top_logprobs: 1,
    });
    expect(output).toMatchObject([
      { content: [{ logprobs: [{ token: "hel", top_logprobs: [{ token: "hel0" }] }, {}] }] },
    ]);
    await client.responses.create({ model, input: "hi", top_logprobs: 1 });
    expect(asked()?.sampling.topLogprobs).toBeNull();
  });

  it("is the same with null in every field that may be left out", async () => {
    const plain = await api.call("POST", "/v1/responses", { key, body: { model, input: "hi" } });
    const nulls = Object.fromEntries(
      [
        "instructions",
        "previous_response_id",
        "tools",
        "text",
        "reasoning",
        "store",
        "metadata",
        "stream",
        "prompt",
      ].map((name) => [name, null]),
    );
    const same = await api.call("POST", "/v1/responses", { key, body: { model, input: "hi", ...nulls } });
    expect({ ...same, id: plain.id, output: plain.output, created_at: 0, completed_at: 0 }).toEqual({
      ...plain,
      created_at: 0,
      completed_at: 0,
    });
  });
});

describe("fields of other servers", () => {
  const generate = async (path: string, body: object) => {
    await api.call("POST", path, { key, body: { model, ...body } });
    return { ...asked(), requestId: "" };
  };

  it.each([
    ["chat", "/v1/chat/completions", { messages: [{ role: "user", content: "hi" }] }],
    ["completion", "/v1/completions", { prompt: "hi" }],
    ["response", "/v1/responses", { input: "hi" }],
  ] as const)("change nothing in a %s where they ask for nothing", async (which, path, body) => {
    const plain = await generate(path, body);
    const rows: [string, ForeignField][] = Object.entries(FOREIGN_FIELDS[which]);
    for (const [name, { neutral }] of rows) {
      for (const value of [null, ...neutral]) {
        expect(await generate(path, { ...body, [name]: value }), `${name}: ${value}`).toEqual(plain);
      }
    }
    const first = Object.fromEntries(rows.map(([name, { neutral }]) => [name, neutral[0] ?? null]));
    expect(await generate(path, { ...body, ...first, min_tokens: 0, ignore_eos: false })).toEqual(plain);
    expect(await generate(path, { ...body, min_tokens: 2, ignore_eos: true })).toEqual({
      ...plain,
      sampling: { ...plain.sampling, minTokens: 2, ignoresEnd: true },
    });
  });
});

describe("a streamed response", () => {
  it("is what the SDK's iterator and its helper expect", async () => {
    const events = await collected(await client.responses.create({ model, input: "hi", stream: true }));
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i));
    const stream = client.responses.stream({ model, input: "hi" });
    const deltas: string[] = [];
    stream.on("response.output_text.delta", ({ delta }) => void deltas.push(delta));
    const final = await stream.finalResponse();
    expect(deltas).toEqual(["hel", "lo"]);
    expect(final).toMatchObject({ status: "completed", output_text: "hello", usage: { total_tokens: 9 } });
  });

  it("throws in the SDK where the generation fails", async () => {
    engine.script = function* (): Generator<GenerateEvent> {
      yield { type: "token", choice: 0, text: "he" };
      yield { type: "error", code: "context_length_exceeded", message: "Too long.", param: "messages" };
    };
    const stream = await client.responses.create({ model, input: "hi", stream: true });
    await expect(collected(stream)).rejects.toMatchObject({ code: "context_length_exceeded", param: "input" });
  });

  it("ends in the Engine when the client leaves", async () => {
    engine.cancelled = 0;
    engine.script = async function* (): AsyncGenerator<GenerateEvent> {
      for (;;) {
        yield { type: "token", choice: 0, text: "x" };
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const stream = await client.responses.create({ model, input: "hi", stream: true });
    for await (const event of stream) if (event.type === "response.output_text.delta") break;
    await expect.poll(() => engine.cancelled).toBe(1);
  });
});

describe("what is refused", () => {
  it("is named as the request names it, also by the Engine", async () => {
    const refused = (fields: object) =>
      api.refusal("POST", "/v1/responses", { key, body: { model, input: "hi", ...fields } });
    expect(await refused({ previous_response_id: "resp_1" })).toMatchObject({
      status: 400,
      code: "unsupported_parameter",
      param: "previous_response_id",
    });
    for (const [param, own] of [
      ["messages", "input"],
      ["max_tokens", "max_output_tokens"],
    ] as const) {
      engine.script = function* (): Generator<GenerateEvent> {
        yield { type: "error", code: "context_length_exceeded", message: "Too long.", param };
      };
      expect(await refused({})).toMatchObject({ status: 400, code: "context_length_exceeded", param: own });
    }
    expect(await refused({ model: "nothing" })).toMatchObject({ status: 404, param: "model" });
  });
});
