import type OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import type { Choice } from "../../../edge/routes/answer.ts";
import { outputItems } from "../../../edge/routes/response-items.ts";
import type { GenerateEvent } from "../../../edge/serving/protocol.ts";
import { ResponseObject } from "../../../shared/api/responses.ts";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { echo, FakeEngine } from "../support/fake-engine.ts";

const choice: Choice = { index: 0, text: "", scores: null, traces: null, offset: 0, finishReason: "stop" };
const calls = [
  { index: 0, id: "call_a", name: "f", arguments: "" },
  { index: 0, arguments: "{}" },
  { index: 1, id: "call_b", name: "g", arguments: "{" },
];

describe("outputItems", () => {
  it("has a message unless the answer is calls alone", () => {
    const kinds = (fields: Partial<Choice>) => outputItems("msg_1", { ...choice, ...fields }).map(({ type }) => type);
    expect(kinds({})).toEqual(["message"]);
    expect(kinds({ calls })).toEqual(["function_call", "function_call"]);
    expect(kinds({ calls, text: "a" })).toEqual(["message", "function_call", "function_call"]);
  });

  it("says which item was cut off", () => {
    const states = (fields: Partial<Choice>) =>
      outputItems("msg_1", { ...choice, finishReason: "length", ...fields }).map(({ status }) => status);
    expect(states({ text: "a" })).toEqual(["incomplete"]);
    expect(states({ text: "a", calls })).toEqual(["completed", "completed", "incomplete"]);
  });
});

describe("a response with calls", () => {
  const engine = new FakeEngine();
  const api = new Api({ ENGINE: engine.binding });
  const model = "item-base";
  const parameters = { type: "object", properties: { city: { type: "string", default: null } } };
  const tools = [{ type: "function" as const, name: "get_weather", parameters, strict: false }];
  let client: OpenAI;
  let key: string;

  function* calling(): Generator<GenerateEvent> {
    yield { type: "token", choice: 0, text: "Let me look." };
    yield { type: "call", choice: 0, index: 0, name: "get_weather" };
    for (const text of ['{"city"', ': "Bern"}']) yield { type: "arguments", choice: 0, index: 0, text };
    yield { type: "finish", choice: 0, reason: "tool_calls" };
    yield { type: "usage", promptTokens: 9, completionTokens: 5, cachedTokens: 0 };
  }

  beforeAll(async () => {
    await api.base(model);
    key = await api.tenant("itemiser");
    client = openai(api, key);
    engine.script = calling;
  });

  const expected = [
    { type: "message", status: "completed", content: [{ text: "Let me look." }] },
    {
      id: expect.stringMatching(/^fc_\w{24}$/),
      type: "function_call",
      call_id: expect.stringMatching(/^call_\w{24}$/),
      name: "get_weather",
      arguments: '{"city": "Bern"}',
      status: "completed",
    },
  ];

  it("is OpenAI's, streamed or not", async () => {
    const response = await client.responses.create({ model, input: "hi", tools });
    expect(response).toMatchObject({ status: "completed", output: expected, tools, tool_choice: "auto" });
    const raw = await api.call("POST", "/v1/responses", { key, body: { model, input: "hi", tools } });
    expect(ResponseObject.parse(raw)).toEqual(raw);
    const final = await client.responses.stream({ model, input: "hi", tools }).finalResponse();
    expect(final.output).toMatchObject(expected);
    const events = await collected(await client.responses.create({ model, input: "hi", tools, stream: true }));
    const given = events.flatMap((event) =>
      event.type === "response.function_call_arguments.delta" ? [event.delta] : [],
    );
    expect(given).toEqual(['{"city"', ': "Bern"}']);
    const completed = events.at(-1);
    if (completed?.type !== "response.completed") throw new Error("the response did not complete");
    expect(completed.response.output).toMatchObject(expected);
  });

  it("goes on with the results: its output is the next input", async () => {
    const { output } = await client.responses.create({ model, input: "hi", tools });
    const call = output.find((item) => item.type === "function_call")!;
    engine.script = echo;
    const input: OpenAI.Responses.ResponseInput = [
      { role: "user", content: "hi" },
      ...(output as OpenAI.Responses.ResponseInputItem[]),
      { type: "function_call_output", call_id: call.call_id, output: "sunny" },
    ];
    const next = await client.responses.create({
      model,
      input,
      tools,
      tool_choice: { type: "function", name: "get_weather" },
    });
    engine.script = calling;
    expect(next.output_text).toBe("hello");
    expect(engine.requests.at(-1)?.request.prompt).toEqual({
      kind: "chat",
      messages: [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: "Let me look.",
          tool_calls: [
            { id: call.call_id, type: "function", function: { name: "get_weather", arguments: call.arguments } },
          ],
        },
        { role: "tool", content: "sunny", name: "get_weather", tool_call_id: call.call_id },
      ],
      tools: {
        functions: [{ name: "get_weather", parameters, strict: false }],
        callable: ["get_weather"],
        required: true,
        parallel: false,
      },
    });
  });

  it("names the field of a schema in its own words", async () => {
    engine.script = function* (): Generator<GenerateEvent> {
      yield { type: "error", code: "invalid_request", message: "No.", param: "tools[0].function.parameters" };
    };
    const refusal = await api.refusal("POST", "/v1/responses", { key, body: { model, input: "hi", tools } });
    engine.script = calling;
    expect(refusal).toMatchObject({ param: "tools[0].parameters" });
  });
});
