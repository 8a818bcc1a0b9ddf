import { describe, expect, it } from "vitest";
import { chatSampling, completionSampling, engineMessages, promptList } from "../../../edge/routes/sampling.ts";
import { CreateChatCompletion } from "../../../shared/api/chat.ts";
import { CreateCompletion } from "../../../shared/api/completions.ts";

const chat = (fields: Record<string, unknown>) =>
  chatSampling(CreateChatCompletion.parse({ model: "m", messages: [{ role: "user", content: "a" }], ...fields }));
const completion = (fields: Record<string, unknown>) =>
  completionSampling(CreateCompletion.parse({ model: "m", prompt: "a", ...fields }));

describe("sampling", () => {
  it("leaves to the model what the request leaves out", () => {
    const common = { settings: {}, seed: null, stop: [], n: 1 };
    expect(chat({})).toEqual({ ...common, maxTokens: null, topLogprobs: null });
    expect(chat({ temperature: null, stop: null, logit_bias: null })).toEqual({
      ...common,
      maxTokens: null,
      topLogprobs: null,
    });
    expect(completion({})).toEqual({ ...common, maxTokens: null, topLogprobs: null });
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

it("messages are text with roles that templates know", () => {
  expect(
    engineMessages([
      {
        role: "developer",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      { role: "assistant", content: "c", refusal: null },
    ]),
  ).toEqual([
    { role: "system", content: "ab" },
    { role: "assistant", content: "c" },
  ]);
});

it("prompts are a list", () => {
  expect([promptList("a"), promptList(["a"]), promptList([1, 2]), promptList([[1], [2]])]).toEqual([
    ["a"],
    ["a"],
    [[1, 2]],
    [[1], [2]],
  ]);
});
