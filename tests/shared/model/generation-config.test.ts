import { expect, it } from "vitest";
import { readGenerationConfig } from "../../../shared/model/generation-config.ts";

const read = (generation: unknown, config: unknown = {}) => readGenerationConfig({ generation, config, vocabSize: 50 });

it("reads the model's defaults, and leaves absent what the file leaves out", () => {
  expect(read(undefined)).toEqual({ sampling: {}, endTokens: [] });
  expect(read({ do_sample: true, temperature: null, pad_token_id: 3, transformers_version: "5" })).toEqual({
    sampling: {},
    endTokens: [],
  });
  const all = { temperature: 0.6, top_p: 0.9, top_k: 20, min_p: 0.05, repetition_penalty: 1.1, max_new_tokens: 64 };
  expect(read({ do_sample: true, eos_token_id: [4, 5], ...all })).toEqual({
    sampling: { temperature: 0.6, topP: 0.9, topK: 20, minP: 0.05, repetitionPenalty: 1.1 },
    maxNewTokens: 64,
    endTokens: [4, 5],
  });
});

it("takes the likeliest token if the model is not sampled, whatever temperature stands beside it", () => {
  expect(read({ do_sample: false, temperature: 0.7, top_p: 0.8 }).sampling).toEqual({ temperature: 0, topP: 0.8 });
});

it("takes the end tokens of config.json if the other file has none", () => {
  expect(read({ eos_token_id: 4 }, { eos_token_id: 9 }).endTokens).toEqual([4]);
  expect(read({ eos_token_id: null }, { eos_token_id: 9 }).endTokens).toEqual([9]);
  expect(read(undefined, { eos_token_id: [9, 10] }).endTokens).toEqual([9, 10]);
});

it("lists everything that is wrong", () => {
  const bad = { do_sample: "no", temperature: -1, top_p: 0, top_k: 1.5, eos_token_id: [2, 50], max_new_tokens: 0 };
  expect(() => read(bad)).toThrow(
    [
      "6 things in the model have to change:",
      "generation_config.json: temperature: must be a number of at least 0, got -1",
      "generation_config.json: top_p: must be a number above 0, and at most 1, got 0",
      "generation_config.json: top_k: must be a whole number from 0 to 1000000, got 1.5",
      'generation_config.json: do_sample: must be true or false, got "no"',
      "generation_config.json: max_new_tokens: must be a whole number from 1 to 10000000, got 0",
      "generation_config.json: eos_token_id: must be one token or a list of tokens, each a whole number from 0 to 49 (vocab_size is 50 in config.json), got 50",
    ].join("\n- "),
  );
  expect(() => read([])).toThrow("generation_config.json: must be a JSON object");
  expect(() => read(undefined, { eos_token_id: "</s>" })).toThrow("config.json: eos_token_id: must be one token");
});
