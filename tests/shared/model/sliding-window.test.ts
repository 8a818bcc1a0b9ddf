import { expect, it } from "vitest";
import type { ModelType } from "../../../shared/model/family.ts";
import { JsonFields } from "../../../shared/model/json-fields.ts";
import type { ModelProblem } from "../../../shared/model/problems.ts";
import { readSlidingWindow } from "../../../shared/model/sliding-window.ts";

function read(modelType: ModelType, json: Record<string, unknown>) {
  const problems: ModelProblem[] = [];
  const window = readSlidingWindow(new JsonFields(json, { file: "config.json", problems }), modelType, 2);
  return problems.length === 0 ? window : problems.map(({ field, reason }) => `${field}: ${reason}`);
}

it("assumes Mistral's window if the file is silent, and none if it says null", () => {
  expect(read("mistral", {})).toBe(4096);
  expect(read("mistral", { sliding_window: null })).toBeNull();
  expect(read("llama", { sliding_window: 8 })).toBeNull();
  expect(read("qwen2", { sliding_window: 8 })).toBeNull();
  expect(read("qwen2", { sliding_window: 8, use_sliding_window: true, max_window_layers: 1 })).toBe(8);
});

it("names both fields of a contradiction", () => {
  const layer_types = ["sliding_attention", "full_attention"];
  expect(read("qwen2", { layer_types, sliding_window: 8 })).toEqual([
    "layer_types: has layers of sliding_attention, but use_sliding_window is not true",
  ]);
  expect(read("qwen2", { layer_types, sliding_window: null, use_sliding_window: true })).toEqual([
    "layer_types: has layers of sliding_attention, but sliding_window is null",
  ]);
  expect(read("llama", { layer_types })).toEqual([
    "layer_types: has layers of sliding_attention, but there is no sliding_window",
  ]);
  expect(read("qwen2", { layer_types: ["full_attention"] })).toEqual([
    "layer_types: has 1 layers, but num_hidden_layers is 2",
  ]);
  expect(read("qwen2", { layer_types: ["full_attention", "linear_attention"] })).toEqual([
    'layer_types: "linear_attention" is not supported; use full_attention',
  ]);
});
