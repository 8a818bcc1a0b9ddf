import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { GenerateEvent, GenerateRequest } from "../../../edge/serving/protocol.ts";
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

  describe("that tells of its prompt", () => {
    const utf8 = (text: string) => [...new TextEncoder().encode(text)];
    const score = (
      id: number,
      token: string,
      logprob: number | null,
      top: readonly (readonly [number, string, number])[] = [],
    ) => ({
      ...{ id, token, bytes: utf8(token), logprob, rank: logprob === null ? null : 3 },
      top: top.map(([other, text, value]) => ({ id: other, token: text, bytes: utf8(text), logprob: value })),
    });
    const scores = [
      score(7, "é", null),
      score(30, "b", -2, [
        [4, "x", -0.25],
        [30, "b", -2],
      ]),
      score(5, "c", -3, [
        [9, "y", -0.5],
        [8, "z", -1],
      ]),
    ];
    const told = (request: GenerateRequest): Iterable<GenerateEvent> => {
      const { ofPrompts, sampling } = request;
      const choices = Array.from({ length: sampling.n }, (_, i) => i);
      const prompt = (part: typeof scores, text: string): GenerateEvent => {
        const scored = ofPrompts!.top === null ? {} : { scores: part };
        return { type: "prompt", choices, text: ofPrompts!.text ? text : "", ...scored };
      };
      return [prompt(scores.slice(0, 2), "ébc"), prompt(scores.slice(2), ""), ...echo(request)];
    };
    beforeEach(() => {
      engine.script = told;
    });

    it("repeats it, and has its tokens before those of the text", async () => {
      const request = { model, prompt: "ébc", echo: true, logprobs: 1, n: 2, max_tokens: 0 };
      const { choices } = await openai(api, key).completions.create(request);
      expect(choices).toHaveLength(2);
      for (const choice of choices) {
        expect(choice.text).toBe("ébchello");
        expect(choice.logprobs).toEqual({
          tokens: ["é", "b", "c", "hel", "lo"],
          token_logprobs: [null, -2, -3, -0.5, -0.5],
          top_logprobs: [null, { x: -0.25, b: -2 }, { y: -0.5, c: -3 }, { hel0: -0.5 }, { lo0: -0.5 }],
          text_offset: [0, 1, 2, 3, 6],
        });
      }
      expect(engine.requests[0]?.request).toMatchObject({
        prompt: { readsControl: true },
        sampling: { maxTokens: 0 },
        ofPrompts: { text: true, top: 1 },
      });
    });

    it("repeats it in a stream too, whose parts add up to the same", async () => {
      const request = { model, prompt: "ébc", echo: true, logprobs: 1 } as const;
      const whole = await openai(api, key).completions.create(request);
      const chunks = await collected(await openai(api, key).completions.create({ ...request, stream: true }));
      const parts = chunks.map(({ choices }) => choices[0]!);
      expect(parts.map(({ text }) => text).join("")).toBe("ébchello");
      for (const field of ["tokens", "token_logprobs", "top_logprobs", "text_offset"] as const) {
        expect(parts.flatMap(({ logprobs }): readonly unknown[] => logprobs?.[field] ?? [])).toEqual(
          whole.choices[0]!.logprobs![field],
        );
      }
    });

    it("repeats it without scores", async () => {
      const { choices } = await openai(api, key).completions.create({ model, prompt: "ébc", echo: true });
      expect(choices).toMatchObject([{ text: "ébchello", logprobs: null }]);
      const asked = engine.requests[0]!.request;
      expect(asked.ofPrompts).toEqual({ text: true, top: null });
      expect(asked.prompt).not.toHaveProperty("readsControl");
    });

    it("has vLLM's maps, in which the prompt's own token comes first", async () => {
      const body = { model, prompt: "ébc", prompt_logprobs: 2, logprobs: 0 };
      const text = await (await api.send("POST", "/v1/completions", { key, body })).text();
      expect(text).toContain(
        '"prompt_logprobs":[null,{"30":{"logprob":-2,"rank":3,"decoded_token":"b"},"4":{"logprob":-0.25,"rank":1,"decoded_token":"x"}},' +
          '{"5":{"logprob":-3,"rank":3,"decoded_token":"c"},"9":{"logprob":-0.5,"rank":1,"decoded_token":"y"},"8":{"logprob":-1,"rank":2,"decoded_token":"z"}}]',
      );
      expect(JSON.parse(text)).toMatchObject({ choices: [{ text: "hello", logprobs: { tokens: ["hel", "lo"] } }] });
      const chat = { model, messages: [{ role: "user", content: "a" }], prompt_logprobs: 0 };
      const reply = await (await api.send("POST", "/v1/chat/completions", { key, body: chat })).text();
      expect(reply).toContain(
        '"prompt_logprobs":[null,{"30":{"logprob":-2,"rank":3,"decoded_token":"b"}},{"5":{"logprob":-3,"rank":3,"decoded_token":"c"}}]',
      );
      expect(engine.requests.map(({ request }) => request.ofPrompts)).toEqual([
        { text: false, top: 2 },
        { text: false, top: 0 },
      ]);
    });

    it("keeps the text alone", async () => {
      const body = { model, prompt: "ébc", echo: true, logprobs: 1, store: true };
      const { id } = await api.call<{ id: string }>("POST", "/v1/completions", { key, body });
      expect(await api.call("GET", `/v1/completions/${id}`, { key })).toMatchObject({
        choices: [{ text: "hello", logprobs: null }],
      });
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

  it("refuses a list of wrong ids at the first", async () => {
    const wrong = new Array<number>(300_000).fill(-1);
    for (const [prompt, param] of [
      [wrong, "prompt[0]"],
      [[wrong, ["a"]], "prompt[0][0]"],
    ]) {
      const refusal = await api.refusal("POST", "/v1/completions", { key, body: { model, prompt } });
      expect(refusal).toMatchObject({ status: 400, param });
    }
  });

  it.each([
    [{ prompt: [] }, "prompt"],
    [{ prompt: ["a", 1] }, "prompt"],
    [{ prompt: { a: 1 } }, "prompt"],
    [{ prompt: [-1] }, "prompt[0]"],
    [{}, "prompt"],
    [{ prompt: "a", echo: "yes" }, "echo"],
    [{ prompt: "a", prompt_logprobs: 21 }, "prompt_logprobs"],
    [{ prompt: "a", prompt_logprobs: 1, stream: true }, "prompt_logprobs"],
    [{ prompt: "a", max_tokens: -1 }, "max_tokens"],
    [{ prompt: "a", max_tokens: 0, steering: { rules: { banned: ["b"] } } }, "steering"],
    [{ prompt: "a", echo: true, logprobs: 0, steering: { rules: { banned: ["b"] } } }, "steering"],
    [{ prompt: "a", prompt_logprobs: 0, steering: { rules: { banned: ["b"] } } }, "steering"],
    [{ prompt: "a", best_of: 2 }, "best_of"],
    [{ prompt: "a", suffix: "b" }, "suffix"],
    [{ prompt: "a", logprobs: 21 }, "logprobs"],
    [{ prompt: Array.from({ length: 65 }, () => "a"), n: 2 }, "n"],
  ])("refuses %j", async (fields, param) => {
    const refusal = await api.refusal("POST", "/v1/completions", { key, body: { model, ...fields } });
    expect(refusal.status).toBe(400);
    expect(refusal.param).toMatch(param);
    expect(engine.requests).toEqual([]);
  });
});
