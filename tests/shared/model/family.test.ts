import { expect, it } from "vitest";
import { familyOf } from "../../../shared/model/family.ts";

const reason = (json: Record<string, unknown>) => (familyOf(json) as { reason?: string }).reason;
const SUPPORTED = "supported: Llama, Mistral and Qwen2 (model_type llama, mistral, qwen2)";

it.each(["llama", "mistral", "qwen2"])("knows %s", (model_type) => {
  expect(familyOf({ model_type })).toEqual({ modelType: model_type });
});

it.each([
  ["gpt2", "GPT-2 models (model_type gpt2)"],
  ["qwen3", "Qwen3 models (model_type qwen3)"],
  ["gpt_neox", "GPT-NeoX (Pythia) models (model_type gpt_neox)"],
  ["granite", "Granite models (model_type granite)"],
  ["house_made", 'models with model_type "house_made"'],
  ["constructor", 'models with model_type "constructor"'],
])("names the family of %s", (model_type, models) => {
  expect(reason({ model_type })).toBe(`${models} are not supported; ${SUPPORTED}`);
});

it("says what could be used of a model for several kinds of input", () => {
  expect(reason({ model_type: "llava", text_config: { model_type: "llama" } })).toBe(
    `LLaVA models (model_type llava) are not supported; ${SUPPORTED}. Only its language model (text_config) could be used: save it as a separate folder with model_type llama`,
  );
  expect(reason({ model_type: "qwen3_vl", text_config: { model_type: "qwen3_vl_text" } })).toMatch(
    /Models for images, audio or video are not supported$/,
  );
});

it("judges a file without model_type by what else it says", () => {
  expect(familyOf({})).toEqual({
    field: "model_type",
    reason: `missing, so the model's family is unknown; ${SUPPORTED}`,
  });
  expect(reason({ architectures: ["GPT2LMHeadModel"] })).toBe(
    `"GPT2LMHeadModel" models are not supported; ${SUPPORTED}`,
  );
  expect(reason({ architectures: ["LlamaForCausalLM"] })).toMatch(/^missing, so the model's family is unknown/);
  expect(reason({ peft_type: "LORA" })).toMatch(/^this is the configuration of an adapter/);
});

it("refuses a family's other heads", () => {
  expect(familyOf({ model_type: "llama", architectures: ["LlamaForSequenceClassification"] })).toEqual({
    field: "architectures",
    reason: '"LlamaForSequenceClassification" is not a causal language model; save the model as LlamaForCausalLM',
  });
  expect(familyOf({ model_type: "llama", architectures: ["LlamaModel"] })).toEqual({ modelType: "llama" });
});
