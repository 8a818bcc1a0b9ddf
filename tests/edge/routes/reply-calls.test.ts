import type OpenAI from "openai";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deltaContent, messageContent, wholeCalls } from "../../../edge/routes/reply-calls.ts";
import type { GenerateEvent, GenerateRequest } from "../../../edge/serving/protocol.ts";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { echo, FakeEngine } from "../support/fake-engine.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const messages = [{ role: "user" as const, content: "Weather in Zürich and Bern?" }];
const parameters = { type: "object", properties: { city: { type: "string", default: null } }, required: ["city"] };
const tools = [
  { type: "function" as const, function: { name: "get_weather", description: "The weather.", parameters } },
  { type: "function" as const, function: { name: "get_time" } },
];
const request = { model: "call-base", messages, tools };
let key: string;
let client: OpenAI;

/** A choice says something and calls, its arguments in pieces. */
function* calling({ sampling }: GenerateRequest, text = ""): Generator<GenerateEvent> {
  yield { type: "start", temperature: 1, topP: 1, maxTokens: null };
  const cities = ["Zürich", "Bern"];
  for (let choice = 0; choice < sampling.n; choice++) {
    yield { type: "token", choice, text };
    for (const [index, city] of cities.entries()) {
      yield { type: "call", choice, index, name: "get_weather" };
      for (const piece of ['{"city"', ': "', `${city}"}`]) {
        yield { type: "token", choice, text: "" };
        yield { type: "arguments", choice, index, text: piece };
      }
    }
    yield { type: "finish", choice, reason: "tool_calls" };
  }
  yield { type: "usage", promptTokens: 40, completionTokens: 14, cachedTokens: 0 };
}

beforeAll(async () => {
  await api.base("call-base");
  key = await api.tenant("caller");
  client = openai(api, key);
});

beforeEach(() => {
  engine.script = (asked) => calling(asked);
  engine.requests.length = 0;
});

const called = (city: string) => ({
  id: expect.stringMatching(/^call_[A-Za-z0-9]{24}$/),
  type: "function",
  function: { name: "get_weather", arguments: `{"city": "${city}"}` },
});

describe("an answer with calls", () => {
  it("is OpenAI's, without a content where there is no text", async () => {
    const { choices, usage } = await client.chat.completions.create({ ...request, n: 2 });
    expect(choices).toEqual(
      [0, 1].map((index) => ({
        index,
        message: { role: "assistant", content: null, refusal: null, tool_calls: ["Zürich", "Bern"].map(called) },
        logprobs: null,
        finish_reason: "tool_calls",
      })),
    );
    expect(usage).toMatchObject({ prompt_tokens: 40, completion_tokens: 14 });
    const ids = choices.flatMap(({ message }) => message.tool_calls?.map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);
  });

  it("has the text before the calls", async () => {
    engine.script = (asked) => calling(asked, "Let me look.");
    const { choices } = await client.chat.completions.create(request);
    expect(choices[0]?.message).toMatchObject({ content: "Let me look.", tool_calls: [{}, {}] });
  });

  it("streams a call's name first, and then its arguments piece by piece", async () => {
    const chunks = await collected(await client.chat.completions.create({ ...request, stream: true }));
    const deltas = chunks.map(({ choices }) => choices[0]?.delta);
    const call = (index: number, city: string) => [
      { tool_calls: [{ index, ...called(city), function: { name: "get_weather", arguments: "" } }] },
      ...['{"city"', ': "', `${city}"}`].map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ];
    expect(deltas).toEqual([{ role: "assistant", content: null }, ...call(0, "Zürich"), ...call(1, "Bern"), {}]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason).filter((reason) => reason !== null)).toEqual([
      "tool_calls",
    ]);
  });

  it("streams each choice's beginning when it begins, and an answer without calls as without tools", async () => {
    engine.script = echo;
    const chunks = await collected(await client.chat.completions.create({ ...request, n: 2, stream: true }));
    expect(chunks.map(({ choices }) => [choices[0]?.index, choices[0]?.delta])).toEqual([
      [0, { role: "assistant", content: "" }],
      [0, { content: "hel" }],
      [1, { role: "assistant", content: "" }],
      [1, { content: "hel" }],
      [0, { content: "lo" }],
      [1, { content: "lo" }],
      [0, {}],
      [1, {}],
    ]);
  });

  it("is put together by the SDK as it is without a stream", async () => {
    const stream = client.chat.completions.stream(request);
    const names: string[] = [];
    stream.on("tool_calls.function.arguments.done", ({ name, arguments: given }) => names.push(`${name} ${given}`));
    const final = await stream.finalChatCompletion();
    expect(names).toEqual(['get_weather {"city": "Zürich"}', 'get_weather {"city": "Bern"}']);
    expect(final.choices[0]?.finish_reason).toBe("tool_calls");
    expect(final.choices[0]?.message).toMatchObject({ content: null, tool_calls: ["Zürich", "Bern"].map(called) });
  });
});

describe("a conversation with tools", () => {
  it("runs through the SDK's own loop, streamed or not", async () => {
    for (const stream of [false, true]) {
      engine.requests.length = 0;
      engine.script = (asked) => {
        const last = asked.prompt.kind === "chat" ? asked.prompt.messages.at(-1) : undefined;
        return last?.role === "tool" ? echo(asked) : calling(asked);
      };
      const asked: string[] = [];
      const body = {
        model: "call-base",
        messages,
        tools: [
          {
            type: "function" as const,
            function: {
              name: "get_weather",
              description: "The weather.",
              parameters,
              parse: JSON.parse,
              function: ({ city }: { city: string }) => {
                asked.push(city);
                return `sunny in ${city}`;
              },
            },
          },
        ],
      };
      const runner = stream
        ? client.chat.completions.runTools({ ...body, stream: true })
        : client.chat.completions.runTools(body);
      expect(await runner.finalContent()).toBe("hello");
      expect(asked).toEqual(["Zürich", "Bern"]);
      expect(engine.requests).toHaveLength(2);
      const prompt = engine.requests[1]!.request.prompt;
      const turns = prompt.kind === "chat" ? prompt.messages : [];
      const ids = turns[1]?.tool_calls?.map(({ id }) => id);
      expect(turns).toEqual([
        messages[0],
        { role: "assistant", content: "", tool_calls: ["Zürich", "Bern"].map(called) },
        ...["Zürich", "Bern"].map((city, i) => ({
          role: "tool",
          content: `sunny in ${city}`,
          name: "get_weather",
          tool_call_id: ids![i],
        })),
      ]);
    }
  });

  it("hands the tools on, with what may be called, and nulls in schemas", async () => {
    const functions = tools.map((tool) => tool.function);
    const cases: [Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>, unknown][] = [
      [{}, { functions, callable: ["get_weather", "get_time"], required: false, parallel: true }],
      [{ parallel_tool_calls: false }, { parallel: false, required: false }],
      [{ tool_choice: "required" }, { required: true, parallel: true }],
      [
        { tool_choice: { type: "function", function: { name: "get_time" } } },
        { functions, callable: ["get_time"], required: true, parallel: false },
      ],
      [
        {
          tool_choice: {
            type: "allowed_tools",
            allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "get_time" } }] },
          },
        },
        { functions, callable: ["get_time"], required: false, parallel: true },
      ],
    ];
    for (const [fields, expected] of cases) {
      engine.requests.length = 0;
      await client.chat.completions.create({ ...request, ...fields });
      const prompt = engine.requests[0]!.request.prompt;
      expect(prompt.kind === "chat" && prompt.tools).toMatchObject(expected as object);
    }
  });

  it("does not tell the model of tools that it may not call", async () => {
    engine.script = echo;
    await client.chat.completions.create({ ...request, tool_choice: "none" });
    expect(engine.requests[0]!.request.prompt).toEqual({ kind: "chat", messages });
  });

  it("takes a reply's calls back with nulls in their arguments", async () => {
    const call = { id: "call_a", type: "function", function: { name: "get_weather", arguments: { city: null } } };
    const turns = [...messages, { role: "assistant", content: null, tool_calls: [call] }];
    const body = { ...request, messages: [...turns, { role: "tool", tool_call_id: "call_a", content: "?" }] };
    engine.script = echo;
    expect((await api.send("POST", "/v1/chat/completions", { key, body })).status).toBe(200);
    const prompt = engine.requests[0]!.request.prompt;
    expect(prompt.kind === "chat" && prompt.messages[1]).toEqual({
      role: "assistant",
      content: "",
      tool_calls: [call],
    });
  });
});

describe("pieces of calls", () => {
  it("add up to calls, those of different calls mixed or not", () => {
    const changes = [
      { index: 0, id: "a", name: "f", arguments: "" },
      { index: 1, id: "b", name: "g", arguments: "" },
      { index: 0, arguments: "{" },
      { index: 1, arguments: "{}" },
      { index: 0, arguments: "}" },
    ];
    expect(wholeCalls(changes)).toEqual([
      { index: 0, id: "a", name: "f", arguments: "{}" },
      { index: 1, id: "b", name: "g", arguments: "{}" },
    ]);
    expect(messageContent("", changes).content).toBeNull();
    expect(messageContent("x", changes).content).toBe("x");
    expect(messageContent("")).toEqual({ content: "" });
    expect(deltaContent("")).toEqual({ content: "" });
  });
});
