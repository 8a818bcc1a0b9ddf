/** Tools over the whole Worker and a real Engine, with a model that knows nothing and the embedded base's tokenizer. */
import type OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import tokenizer from "../../infra/base/model/tokenizer.json";
import tokenizerConfig from "../../infra/base/model/tokenizer_config.json";
import { fromF32, writeSafetensors } from "../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { createRandom } from "../../shared/random.ts";
import { Api } from "./support/api.ts";
import { collected, openai } from "./support/client.ts";
import { type Folder, json, TINY_CONFIG, tinyBase } from "./support/tiny-base.ts";

const CONFIG = { ...TINY_CONFIG, vocab_size: 2048, max_position_embeddings: 1024 };

const TEMPLATE = `{% if tools %}<|im_start|>system
You may call these functions:{% for tool in tools %}
{{ tool | tojson }}{% endfor %}<|im_end|>
{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}{% for c in m.tool_calls or [] %}{{ '\\n' if m.content or not loop.first }}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

/** A model with random weights whose logits are wide enough that a temperature of 1.5 is a real one. */
function base(): Folder {
  const random = createRandom(3, "caller");
  const tensors = new Map(
    weightSpecs(parseModelConfig(CONFIG)).map((spec) => {
      const shape = spec.transposed ? spec.shape.toReversed() : spec.shape;
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.4 * random.normal());
      return [spec.name, { dtype: "F32" as const, shape, bytes: fromF32(values, "F32") }];
    }),
  );
  return new Map([
    ["config.json", json(CONFIG)],
    ["model.safetensors", writeSafetensors(tensors, { format: "pt" })],
    ["tokenizer.json", json(tokenizer)],
    ["tokenizer_config.json", json({ ...tokenizerConfig, chat_template: TEMPLATE })],
  ]);
}

const UNITS = ["celsius", "kelvin"];
const parameters = {
  type: "object",
  properties: {
    city: { type: "string", maxLength: 8 },
    unit: { enum: [...UNITS, null] },
    days: { type: "integer", minimum: 1, maximum: 14 },
  },
  required: ["city", "unit", "days"],
  additionalProperties: false,
};
const weather = {
  type: "function" as const,
  function: { name: "get_weather", description: "The weather.", parameters },
};
const clock = { type: "function" as const, function: { name: "get_time" } };

interface Weather {
  city: string;
  unit: string | null;
  days: number;
}

function expectWeather(given: string): Weather {
  const value = JSON.parse(given) as Weather;
  expect(Object.keys(value).sort()).toEqual(["city", "days", "unit"]);
  expect([...value.city].length).toBeLessThanOrEqual(8);
  expect([...UNITS, null]).toContain(value.unit);
  expect(Number.isInteger(value.days) && value.days >= 1 && value.days <= 14, given).toBe(true);
  return value;
}

const api = new Api();
const messages = [{ role: "user" as const, content: "Weather?" }];
const request = {
  model: "acme/caller",
  messages,
  tools: [weather, clock],
  temperature: 1.5,
  max_completion_tokens: 300,
};
let key: string;
let client: OpenAI;

const callsOf = ({ message }: OpenAI.ChatCompletion.Choice) =>
  (message.tool_calls ?? []).map((call) => {
    if (call.type !== "function") throw new Error(`a call of type ${call.type}`);
    return call.function;
  });

beforeAll(async () => {
  await api.base("acme/caller", base());
  await api.base("acme/plain", tinyBase());
  key = await api.tenant("toolmaker");
  client = openai(api, key);
});

describe("a model that knows nothing", () => {
  it("writes arguments that are valid under the schema, whatever the seed, at a temperature of 1.5", async () => {
    let whole = 0;
    for (let seed = 0; seed < 40; seed += 8) {
      const { choices } = await client.chat.completions.create({ ...request, tool_choice: "required", seed, n: 8 });
      for (const choice of choices) {
        const calls = callsOf(choice);
        expect(calls.length).toBeGreaterThan(0);
        if (choice.finish_reason !== "tool_calls") continue;
        whole++;
        expect(choice.message.content).toBeNull();
        for (const call of calls) {
          if (call.name === "get_time") expect(JSON.parse(call.arguments)).toEqual({});
          else expectWeather(call.arguments);
        }
      }
    }
    expect(whole).toBeGreaterThan(20);
  });

  it("calls the tool that is named, once, and those that are allowed", async () => {
    const named = await client.chat.completions.create({
      ...request,
      n: 4,
      seed: 1,
      tool_choice: { type: "function", function: { name: "get_time" } },
    });
    for (const choice of named.choices) {
      expect([choice.finish_reason, callsOf(choice)]).toEqual(["tool_calls", [{ name: "get_time", arguments: "{}" }]]);
    }
    const allowed = await client.chat.completions.create({
      ...request,
      n: 4,
      seed: 1,
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "get_time" } }] },
      },
    });
    for (const choice of allowed.choices) for (const { name } of callsOf(choice)) expect(name).toBe("get_time");
  });

  it("streams what it answers without a stream", async () => {
    for (let seed = 0; seed < 4; seed++) {
      const asked = { ...request, tool_choice: "required" as const, seed, parallel_tool_calls: false };
      const { choices } = await client.chat.completions.create(asked);
      const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
      const [plain, other] = [choices[0]!, streamed.choices[0]!];
      expect(other.finish_reason).toBe(plain.finish_reason);
      expect(callsOf(other).map(({ name, arguments: given }) => [name, given])).toEqual(
        callsOf(plain).map(({ name, arguments: given }) => [name, given]),
      );
      expect(callsOf(plain)).toHaveLength(1);
    }
  });

  it("may say something instead where it may choose, and then says it as without tools", async () => {
    const { choices, usage } = await client.chat.completions.create({
      ...request,
      n: 4,
      seed: 2,
      max_completion_tokens: 24,
    });
    for (const { message, finish_reason } of choices) {
      expect(message.tool_calls).toBeUndefined();
      expect(typeof message.content).toBe("string");
      expect(["stop", "length"]).toContain(finish_reason);
    }
    const plain = await client.chat.completions.create({ ...request, tool_choice: "none", max_completion_tokens: 1 });
    // The model is shown the tools, which count as part of the prompt.
    expect(usage!.prompt_tokens - plain.usage!.prompt_tokens).toBeGreaterThan(100);
  });

  it("goes through the SDK's loop: its call is made, and its result is shown to it", async () => {
    const asked: Weather[] = [];
    const runner = client.chat.completions.runTools(
      {
        ...request,
        seed: 5,
        tool_choice: { type: "function", function: { name: "get_weather" } },
        tools: [
          {
            type: "function",
            function: {
              ...weather.function,
              parse: (given: string) => expectWeather(given),
              function: (given: Weather) => {
                asked.push(given);
                return "sunny";
              },
            },
          },
        ],
      },
      { maxChatCompletions: 1 },
    );
    await runner.done();
    expect(asked).toHaveLength(1);
    const turns = runner.messages;
    expect(turns.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    const again = await client.chat.completions.create({ ...request, messages: turns, max_completion_tokens: 8 });
    const first = await client.chat.completions.create({ ...request, max_completion_tokens: 8 });
    expect(again.usage!.prompt_tokens).toBeGreaterThan(first.usage!.prompt_tokens);
  });

  it("gives log-probabilities of its text, and none of its calls", async () => {
    const named = { type: "function" as const, function: { name: "get_time" } };
    const called = await client.chat.completions.create({ ...request, tool_choice: named, logprobs: true });
    expect(called.choices[0]!.logprobs).toBeNull();
    const said = await client.chat.completions.create({
      ...request,
      logprobs: true,
      seed: 2,
      max_completion_tokens: 6,
    });
    const { message, logprobs } = said.choices[0]!;
    const bytes = logprobs!.content!.flatMap((token) => token.bytes ?? []);
    expect(logprobs!.content).toHaveLength(6);
    expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(message.content);
  });

  it("ends a call that runs into the limit with what it has", async () => {
    const { choices } = await client.chat.completions.create({
      ...request,
      tool_choice: { type: "function", function: { name: "get_weather" } },
      max_completion_tokens: 18,
      seed: 3,
    });
    expect(choices[0]!.finish_reason).toBe("length");
  });
});

describe("other requests", () => {
  it("do not notice those with tools", async () => {
    const plain = { model: "acme/caller", messages, seed: 9, max_completion_tokens: 30 };
    const alone = await client.chat.completions.create(plain);
    const [beside] = await Promise.all([
      client.chat.completions.create(plain),
      client.chat.completions.create({ ...request, tool_choice: "required", seed: 1 }),
      collected(await client.chat.completions.create({ ...request, stream: true, seed: 2, max_completion_tokens: 20 })),
    ]);
    expect(beside.choices[0]!.message.content).toBe(alone.choices[0]!.message.content);
  });
});

describe("what is refused", () => {
  const refused = (body: object) => api.refusal("POST", "/v1/chat/completions", { key, body: { ...request, ...body } });

  it("tools of a model whose template has none, by the model's name", async () => {
    const model = "acme/plain";
    expect(await refused({ model })).toMatchObject({
      status: 400,
      code: "unsupported_parameter",
      param: "tools",
      message: expect.stringContaining("the model acme/plain"),
    });
    const said = await client.chat.completions.create({
      ...request,
      model,
      tool_choice: "none",
      max_completion_tokens: 2,
    });
    expect(said.choices).toHaveLength(1);
    const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
    const turns = [
      ...messages,
      { role: "assistant", tool_calls: [call] },
      { role: "tool", tool_call_id: "c", content: "" },
    ];
    expect(await refused({ model, messages: turns, tool_choice: "none" })).toMatchObject({
      code: "unsupported_parameter",
      param: "messages",
    });
  });

  it("a schema that nothing satisfies", async () => {
    const parameters = {
      type: "object",
      properties: { a: { type: "integer", minimum: 2, maximum: 1 } },
      required: ["a"],
    };
    const tools = [clock, { type: "function", function: { name: "f", parameters } }];
    for (const choice of ["auto", "required"]) {
      expect(await refused({ tools, tool_choice: choice })).toMatchObject({
        status: 400,
        code: "invalid_request",
        param: "tools[1].function.parameters",
      });
    }
  });

  it("a prompt that its tools make too long", async () => {
    const description = "weather ".repeat(120);
    const tools = Array.from({ length: 128 }, (_, n) => ({
      type: "function",
      function: { name: `f${n}`, description },
    }));
    expect(await refused({ tools })).toMatchObject({ status: 400, code: "context_length_exceeded" });
  });
});
