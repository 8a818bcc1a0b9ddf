import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decodeSettings } from "../../../shared/decode/registry.ts";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { echo, FakeEngine } from "../support/fake-engine.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const model = "completion-base";
let key: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("completer");
});

beforeEach(() => {
  engine.script = echo;
  engine.requests.length = 0;
});

describe("a completion", () => {
  it("answers as OpenAI's does, one choice for each prompt and n", async () => {
    const completion = await openai(api, key).completions.create({ model, prompt: ["a", "b"], n: 2 });
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^cmpl-/),
      object: "text_completion",
      choices: [0, 1, 2, 3].map((index) => ({ index, text: "hello", logprobs: null, finish_reason: "stop" })),
      usage: { prompt_tokens: 7, completion_tokens: 8, total_tokens: 15 },
    });
    expect(engine.requests[0]?.request).toMatchObject({
      prompt: { kind: "text", prompts: ["a", "b"] },
      sampling: { n: 2, maxTokens: null, topLogprobs: null },
    });
  });

  it("takes a search, and says what it did for each choice, in a stream with its last chunk", async () => {
    const search = { candidates: 2, score: 0.5, scores: [0.5, null], chosen: 0, tokens: 7, budget: 9 };
    const result = { method: "best_of", ...search, ended: "complete" } as const;
    engine.script = function* (request) {
      for (const event of echo(request)) yield event.type === "finish" ? { ...event, search: result } : event;
    };
    const body = { model, prompt: "a", steering: { search: { best_of: 2 } } };
    const asked = { method: "best_of", best_of: 2, by: "likelihood" };
    const whole = await api.call("POST", "/v1/completions", { key, body });
    expect(whole).toMatchObject({ choices: [{ steering_search: result }], steering: { search: asked } });
    expect(engine.requests[0]?.request.steering).toEqual({ parts: {}, models: {}, conditional: [], search: { asked } });
    const streamed = { ...body, stream: true as const };
    const chunks = await collected(await openai(api, key).completions.create(streamed));
    const reported = (chunks as { choices: { finish_reason: unknown; steering_search?: unknown }[] }[]).flatMap(
      ({ choices }) => choices.filter((choice) => choice.steering_search !== undefined),
    );
    expect(reported).toEqual([expect.objectContaining({ finish_reason: "stop", steering_search: result })]);
  });

  it.each([
    ["text", "a", ["a"]],
    ["token ids", [1, 2], [[1, 2]]],
    ["several prompts of token ids", [[1], [2, 3]], [[1], [2, 3]]],
  ])("takes a prompt of %s", async (_, prompt, prompts) => {
    await api.call("POST", "/v1/completions", { key, body: { model, prompt, max_tokens: 3 } });
    expect(engine.requests[0]?.request).toMatchObject({ prompt: { prompts }, sampling: { maxTokens: 3 } });
  });

  it("sends the Engine the same request with neutral fields added", async () => {
    const nulls = {
      suffix: null,
      echo: null,
      best_of: null,
      logprobs: null,
      stream_options: null,
      user: null,
      stop: null,
    };
    const neutral = {
      suffix: "",
      echo: false,
      best_of: 1,
      stop: "",
      logit_bias: {},
      top_k: 0,
      user: "u",
      stream: false,
    };
    for (const fields of [{}, nulls, neutral]) {
      await api.call("POST", "/v1/completions", { key, body: { model, prompt: "a", ...fields } });
    }
    // An explicit value overrides the model's default even if it is neutral, so this compares the resulting settings.
    const [plain, ...others] = engine.requests.map(({ request: { requestId: _, sampling, ...asked } }) => {
      const settings = decodeSettings({ temperature: 1, topP: 1, ...sampling.settings });
      return { ...asked, sampling: { ...sampling, settings } };
    });
    for (const other of others) expect(other).toEqual(plain);
  });

  it("reports log-probabilities in its own old way", async () => {
    const { choices } = await openai(api, key).completions.create({ model, prompt: "a", logprobs: 1 });
    expect(choices[0]?.logprobs).toEqual({
      tokens: ["hel", "lo"],
      token_logprobs: [-0.5, -0.5],
      top_logprobs: [{ hel0: -0.5 }, { lo0: -0.5 }],
      text_offset: [0, 3],
    });
  });

  it("streams", async () => {
    const stream = await openai(api, key).completions.create({
      model,
      prompt: "a",
      logprobs: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collected(stream);
    expect(chunks.map(({ choices }) => choices[0]?.text)).toEqual(["hel", "lo", "", undefined]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, "stop", undefined]);
    expect(chunks[1]?.choices[0]?.logprobs).toMatchObject({ tokens: ["lo"], text_offset: [3] });
    expect(chunks.at(-1)?.usage).toMatchObject({ total_tokens: 9 });
  });

  it.each([
    [{ prompt: [] }, "prompt"],
    [{ prompt: ["a", 1] }, "prompt"],
    [{ prompt: { a: 1 } }, "prompt"],
    [{ prompt: [-1] }, "prompt[0]"],
    [{}, "prompt"],
    [{ prompt: "a", echo: true }, "echo"],
    [{ prompt: "a", best_of: 2 }, "best_of"],
    [{ prompt: "a", suffix: "b" }, "suffix"],
    [{ prompt: "a", logprobs: 6 }, "logprobs"],
    [{ prompt: Array.from({ length: 33 }, () => "a"), n: 2 }, "n"],
  ])("refuses %j", async (fields, param) => {
    const refusal = await api.refusal("POST", "/v1/completions", { key, body: { model, ...fields } });
    expect(refusal.status).toBe(400);
    expect(refusal.param).toMatch(param);
    expect(engine.requests).toEqual([]);
  });
});
