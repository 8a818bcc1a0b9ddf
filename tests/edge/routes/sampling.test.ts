import { describe, expect, it } from "vitest";
import { chatSampling, completionSampling, promptList } from "../../../edge/routes/sampling.ts";
import { CreateChatCompletion } from "../../../shared/api/chat.ts";
import { CreateCompletion } from "../../../shared/api/completions.ts";
import { FOREIGN_FIELDS, type ForeignField } from "../../../shared/api/foreign-fields.ts";

const chat = (fields: Record<string, unknown>) =>
  chatSampling(CreateChatCompletion.parse({ model: "m", messages: [{ role: "user", content: "a" }], ...fields }));
const completion = (fields: Record<string, unknown>) =>
  completionSampling(CreateCompletion.parse({ model: "m", prompt: "a", ...fields }));

describe("sampling", () => {
  it("leaves to the model what the request leaves out", () => {
    const common = { settings: {}, seed: null, stop: [], n: 1 };
    expect(chat({})).toEqual({ ...common, maxTokens: null, topLogprobs: null });
    expect(chat({ stop: ["", ""], top_logprobs: 0 })).toEqual(chat({}));
    // Said is said: it overrides a default of the model.
    const nothing = { top_k: 0, min_p: 0, repetition_penalty: 1, logit_bias: {} };
    expect(chat(nothing).settings).toEqual({ topK: 0, minP: 0, repetitionPenalty: 1, logitBias: [] });
    expect(completion({})).toEqual({ ...common, maxTokens: null, topLogprobs: null });
  });

  it("hands on what vLLM's fields ask for", () => {
    for (const sampling of [chat, completion]) {
      expect(sampling({ top_k: 40, min_p: 0.05, repetition_penalty: 1.1 }).settings).toMatchObject({
        topK: 40,
        minP: 0.05,
        repetitionPenalty: 1.1,
      });
    }
  });

  it("hands on when a text may end", () => {
    for (const sampling of [chat, completion]) {
      expect(sampling({ min_tokens: 0, ignore_eos: false })).toEqual(sampling({}));
      expect(sampling({ min_tokens: 3, max_tokens: 3, ignore_eos: true })).toEqual({
        ...sampling({ max_tokens: 3 }),
        minTokens: 3,
        ignoresEnd: true,
      });
      expect(() => sampling({ min_tokens: 4, max_tokens: 3 })).toThrow(
        expect.objectContaining({ code: "invalid_request", param: "min_tokens" }),
      );
    }
  });

  it("changes nothing for fields of other servers that ask for nothing", () => {
    const neutral = (table: Readonly<Record<string, ForeignField>>) =>
      Object.entries(table).flatMap(([name, field]) => field.neutral.map((value) => ({ [name]: value })));
    for (const fields of neutral(FOREIGN_FIELDS.chat)) expect(chat(fields), JSON.stringify(fields)).toEqual(chat({}));
    for (const fields of neutral(FOREIGN_FIELDS.completion)) {
      expect(completion(fields), JSON.stringify(fields)).toEqual(completion({}));
    }
  });

  it("keeps zero where zero was asked for", () => {
    expect(chat({ temperature: 0, seed: 0, logprobs: true, top_logprobs: 0 })).toMatchObject({
      settings: { temperature: 0 },
      seed: 0,
      topLogprobs: 0,
    });
    expect(completion({ logprobs: 0 }).topLogprobs).toBe(0);
  });

  it("has one list of stop sequences and one limit", () => {
    expect(chat({ stop: ["a", "b", "a"] }).stop).toEqual(["a", "b"]);
    expect([chat({ max_tokens: 3 }).maxTokens, chat({ max_tokens: 3, max_completion_tokens: 3 }).maxTokens]).toEqual([
      3, 3,
    ]);
    expect(() => chat({ max_tokens: 3, max_completion_tokens: 4 })).toThrow(
      expect.objectContaining({ param: "max_tokens" }),
    );
    expect(chat({ logprobs: false }).topLogprobs).toBeNull();
  });
});

it("prompts are a list", () => {
  expect([promptList("a"), promptList(["a"]), promptList([1, 2]), promptList([[1], [2]])]).toEqual([
    ["a"],
    ["a"],
    [[1, 2]],
    [[1], [2]],
  ]);
});
