import { describe, expect, it } from "vitest";
import { z } from "zod";
import { adapterConfigJson, onlyValues, parseAdapterConfig } from "../../../shared/peft/adapter-config.ts";

const schema = z.looseObject({ peft_type: z.literal("X"), size: z.int().min(1), mode: onlyValues("a", null) });
const parse = (changes: Record<string, unknown> = {}) =>
  parseAdapterConfig({ peft_type: "X", size: 2, ...changes }, schema, ["trained_with"]);

describe("parseAdapterConfig", () => {
  it("returns the fields of the schema, ignoring harmless and empty ones", () => {
    const others = { trained_with: "care", inference_mode: true, peft_version: "0.21", revision: "main" };
    const empty = { modules_to_save: null, layers: [], extra: {}, flag: false, text: "" };
    expect(parse({ ...others, ...empty, mode: "a" })).toMatchObject({ size: 2, mode: "a" });
  });

  it("accepts the class that peft records without a task type, and imports nothing for it", () => {
    const noted = { base_model_class: "LlamaForCausalLM", parent_library: "transformers.models.llama" };
    expect(parse({ auto_mapping: noted })).toMatchObject({ size: 2 });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ size: 0 }, "adapter_config.json: size must be at least 1"],
    [{ mode: "b" }, 'adapter_config.json: mode is not supported; must be "a" or null'],
    [{ new_field: 1 }, "adapter_config.json: new_field is not supported; must be absent, null, false or empty"],
    [{ auto_map: { x: "y.Z" } }, "auto_map names code to run, but code shipped with an adapter is never run"],
  ])("refuses %j", (changes, message) => {
    expect(() => parse(changes)).toThrow(message);
    expect(() => parse(changes)).toThrow(
      expect.objectContaining({ code: "invalid_delta", data: { field: Object.keys(changes)[0] } }),
    );
  });
});

it("writes a method's fields and the common ones, sorted by name", () => {
  const json = adapterConfigJson("X", "owner/base", { size: 2, bias: "none" });
  expect(Object.keys(json)).toEqual(Object.keys(json).sort());
  expect(json).toMatchObject({ peft_type: "X", base_model_name_or_path: "owner/base", size: 2, bias: "none" });
  expect(json).toMatchObject({ task_type: "CAUSAL_LM", inference_mode: true });
});
