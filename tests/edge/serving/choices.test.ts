import { describe, expect, it } from "vitest";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { choicesOf, startOf } from "../../../edge/serving/choices.ts";
import type { GenerateRequest } from "../../../edge/serving/protocol.ts";
import { NO_STEERING } from "../../../edge/serving/steering-plan.ts";
import type { GenerationDefaults } from "../../../shared/model/generation-config.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import type { CompiledRule } from "../../../shared/rules/rule.ts";
import tokenizerJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import tokenizerConfig from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";
import llamaJson from "../../golden/tokenizer/hub/llama2-like/tokenizer.json";
import llamaConfig from "../../golden/tokenizer/hub/llama2-like/tokenizer_config.json";

const MODEL = {
  tokenizer: loadTokenizer(tokenizerJson, tokenizerConfig),
  template: () => {
    throw new Error("no chat here");
  },
  config: { vocabSize: 96 },
  capacity: 64,
  endTokens: new Set([0]),
  defaults: { sampling: {}, endTokens: [] },
} as unknown as Parameters<typeof choicesOf>[0];

const request = (changes: Partial<GenerateRequest> = {}): GenerateRequest => ({
  requestId: "r",
  tenant: "acme",
  model: { base: { id: "b", digest: "d", prefix: "b/", files: [] }, weights: null, deltas: [] },
  prompt: { kind: "text", prompts: [] },
  sampling: { settings: {}, seed: 7, maxTokens: 4, stop: [], n: 2, topLogprobs: null },
  ...changes,
});
const parts = {
  prompts: [[1, 2], [3]],
  plan: NO_STEERING,
  rule: null,
  modelOf: () => ({ served: MODEL as never, weights: "weights" as never, deltas: BARE, stateKey: "k" }),
  randomSeed: () => 1,
};

describe("choicesOf", () => {
  it("makes a generation for each choice, with a random stream of its own", () => {
    const choices = choicesOf(MODEL, request(), parts);
    expect(choices.map(({ rows }) => rows.map(({ role, prompt }) => [role, prompt]))).toEqual(
      [[1, 2], [1, 2], [3], [3]].map((prompt) => [["leader", prompt]]),
    );
    // The choices of a prompt hold the same array, by which the loop knows that they share it.
    expect(choices[0]!.rows[0].prompt).toBe(choices[1]!.rows[0].prompt);
    const draws = (list: typeof choices) => list.map(({ sequence }) => sequence.uniform());
    const first = draws(choices);
    expect(new Set(first).size).toBe(4);
    expect(draws(choicesOf(MODEL, request(), parts))).toEqual(first);
    const unseeded = request({ sampling: { ...request().sampling, seed: null } });
    expect(draws(choicesOf(MODEL, unseeded, parts))).not.toEqual(first);
  });

  it("takes the model's defaults for what the request leaves out, and OpenAI's for what both do", () => {
    const first = (defaults: Partial<GenerationDefaults>, sampling: Partial<GenerateRequest["sampling"]> = {}) => {
      const model = { ...MODEL, defaults: { sampling: {}, endTokens: [], ...defaults } };
      return choicesOf(model, request({ sampling: { ...request().sampling, ...sampling } }), parts)[0]!.sequence;
    };
    expect(first({}).settings).toEqual({ greedy: false, temperature: 1, nucleus: 1 });
    const cool = { sampling: { temperature: 0.6, topP: 0.9 } };
    expect(first(cool).settings).toEqual({ greedy: false, temperature: 0.6, nucleus: 0.9 });
    expect(first(cool, { settings: { temperature: 1 } }).settings).toMatchObject({ temperature: 1, nucleus: 0.9 });
    const greedy = { sampling: { temperature: 0 } };
    expect(first(greedy).settings).toEqual({ greedy: true });
    expect(first(greedy, { settings: { temperature: 0.3 } }).settings).toMatchObject({ temperature: 0.3 });
    const lengths = [{}, { maxNewTokens: 40 }, { maxNewTokens: 5000 }].map((defaults) =>
      [null, 7].map((maxTokens) => first(defaults, { maxTokens }).maxTokens),
    );
    expect(lengths).toEqual([
      [16, 7],
      [40, 7],
      [62, 7],
    ]);
  });

  it("puts off the tokens that end a text, or passes them over", () => {
    const first = (changes: Partial<GenerateRequest["sampling"]>) => {
      const sampling = { ...request().sampling, settings: { temperature: 0 }, ...changes };
      return choicesOf(MODEL, request({ sampling }), parts)[0]!.sequence;
    };
    const logits = new Float32Array(96);
    expect(first({}).accept(0, logits)).toMatchObject({ finished: true });
    expect(first({ minTokens: 3 }).settings).toEqual({ greedy: true, minTokens: { tokens: 3, endTokens: [0] } });
    const passing = first({ ignoresEnd: true, minTokens: 3 });
    expect(passing.settings).toEqual({ greedy: true });
    const reasons = [1, 2, 3, 4].map(() => passing.accept(0, logits).events.at(-1));
    expect(reasons.map((event) => event?.type)).toEqual(["token", "token", "token", "finish"]);
    expect(reasons[3]).toMatchObject({ reason: "length" });
    // A text that has to be longer than is usual may be as long as it has to.
    expect([0, 30].map((minTokens) => first({ maxTokens: null, minTokens }).maxTokens)).toEqual([16, 30]);
  });

  it("says which values it uses", () => {
    const start = (defaults: GenerationDefaults["sampling"], sampling: Partial<GenerateRequest["sampling"]> = {}) => {
      const model = { defaults: { sampling: defaults, endTokens: [], maxNewTokens: 40 } };
      const { temperature, topP, maxTokens } = startOf(
        model,
        request({ sampling: { ...request().sampling, ...sampling } }),
      );
      return [temperature, topP, maxTokens];
    };
    expect(start({})).toEqual([1, 1, 4]);
    expect(start({ temperature: 0, topP: 0.9 }, { maxTokens: null })).toEqual([0, 0.9, 40]);
    expect(start({ temperature: 0 }, { settings: { temperature: 0.5, topP: 0.3 } })).toEqual([0.5, 0.3, 4]);
    const usual = (kind: "chat" | "text") => {
      const prompt = kind === "chat" ? { kind, messages: [] } : { kind, prompts: [] };
      const sampling = { ...request().sampling, maxTokens: null };
      return startOf({ defaults: { sampling: {}, endTokens: [] } }, request({ prompt, sampling })).maxTokens;
    };
    expect([usual("chat"), usual("text")]).toEqual([null, 16]);
  });

  it("refuses a bias for a token that the model does not have", () => {
    const sampling = { ...request().sampling, settings: { temperature: 0, logitBias: [[96, 1]] as const } };
    expect(() => choicesOf(MODEL, request({ sampling }), parts)).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "logit_bias.96" }),
    );
  });
});

describe("what has no room", () => {
  it("is named: the prompt, or the steering part that adds a row with a longer one", () => {
    const { tokenizer } = MODEL;
    const text = tokenizer.decode(Array.from({ length: 70 }, () => 5));
    const row = { role: "guidance", part: "guidance", model: "own", prompt: { kind: "instead", text } } as const;
    const refusal = (changes: Partial<typeof parts>) => {
      const wish = { ...parts, prompts: [[1, 2]], ...changes };
      try {
        choicesOf(MODEL, request(), wish);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(refusal({ plan: { ...NO_STEERING, companions: [row] } })).toMatchObject({
      code: "context_length_exceeded",
      param: "steering.guidance",
      message: expect.stringMatching(/the prompt of a row that `steering\.guidance` adds has \d\d/),
    });
    const long = [Array.from({ length: 70 }, () => 5)];
    const own = { ...row, prompt: { kind: "own" } } as const;
    const prompt = { code: "context_length_exceeded", param: "prompt" };
    expect(refusal({ prompts: long, plan: { ...NO_STEERING, companions: [own] } })).toMatchObject(prompt);
  });

  it("is refused where the required phrases take more tokens than the text may have", () => {
    const ruled = (requiredTokens: number) => () =>
      choicesOf(MODEL, request(), { ...parts, rule: { requiredTokens } as unknown as CompiledRule });
    expect(ruled(4)).not.toThrow();
    expect(ruled(5)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "steering.rules.required",
        message: expect.stringContaining("at least 5 tokens, but the text may have 4"),
      }),
    );
  });
});

describe("the text of the tokens", () => {
  const llama = { ...MODEL, tokenizer: loadTokenizer(llamaJson, llamaConfig), config: { vocabSize: 460 } };
  const { tokenizer } = llama;
  const said = (prompt: string, text: string) => {
    const ids = tokenizer.encode(text, { continues: prompt === "" ? false : "text" });
    const sampling = { ...request().sampling, n: 1, maxTokens: ids.length, topLogprobs: 0 };
    const given = [...tokenizer.prefix, ...tokenizer.encode(prompt)];
    const [choice] = choicesOf(llama as typeof MODEL, request({ sampling }), { ...parts, prompts: [given] });
    const logits = new Float32Array(tokenizer.vocabSize);
    const events = ids.flatMap((id) => choice!.sequence.accept(id, logits).events);
    return {
      text: events.map((event) => (event.type === "token" ? event.text : "")).join(""),
      tokens: events.flatMap((event) => (event.type === "token" ? event.logprobs!.map(({ token }) => token) : [])),
    };
  };

  it("goes on where the prompt ends, with the space that a word begins with", () => {
    expect(said("She", " loved the light").text).toBe(" loved the light");
    expect(said("She lov", "ed it 🙂 é").text).toBe("ed it 🙂 é");
    expect(said("", "Hello there").text).toBe("Hello there");
  });

  it("is the reported tokens joined", () => {
    for (const [prompt, text] of [
      ["She", " loved the light"],
      ["She lov", "ed the light"],
      ["", "Hello there"],
    ] as const) {
      expect(said(prompt, text).tokens.join("")).toBe(text);
    }
  });
});
