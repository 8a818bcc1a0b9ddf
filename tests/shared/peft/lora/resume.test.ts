import { expect, it } from "vitest";
import { parseModelConfig } from "../../../../shared/model/config.ts";
import { initialWeights } from "../../../../shared/model/init.ts";
import { readModelJson } from "../../../../shared/model/model-folder.ts";
import { parseAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachLora } from "../../../../shared/peft/lora/attach.ts";
import { loraResult } from "../../../../shared/peft/lora/publish.ts";
import { loraResume } from "../../../../shared/peft/lora/resume.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import type { AttachOptions } from "../../../../shared/peft/method.ts";
import { adapterOf, moved } from "../../../support/peft.ts";
import { tinyModel } from "../../../trainer/tiny-model.ts";

const files = tinyModel();
const config = parseModelConfig({
  ...(readModelJson(files, "config.json") as object),
  model_type: "qwen2",
  architectures: ["Qwen2ForCausalLM"],
});
const weights = moved(initialWeights(config, 1));

it.each(["all", "lora_only"] as const)("reads the base's trained biases as changes: %s", async (bias) => {
  const settings = LoraSettings.parse({ type: "lora", r: 2, target_modules: ["q_proj", "up_proj"], bias });
  const options: AttachOptions<LoraSettings> = { config, settings, weights, seed: 1, encode: () => [], param: "peft" };
  const { initial } = attachLora(options);
  const values = moved(initial);
  const published = await adapterOf(loraResult, {
    config,
    settings,
    seed: 1,
    values,
    weights,
    base: { id: "b", files },
  });
  const folder = parseAdapterFolder(published.files);
  const read = await loraResume.values(folder, { ...options, initial });
  expect([...read.keys()].sort()).toEqual([...values.keys()].sort());
  for (const [name, { data }] of values) {
    for (const [at, value] of data.entries()) expect(read.get(name)!.data[at]).toBeCloseTo(value, 6);
  }
  const stated = loraResume.settings({ config: folder.config }, config);
  const facts = (of: LoraSettings) => loraResume.facts({ config, settings: of, param: "peft" });
  expect(facts(stated)).toEqual(facts(settings));
});

it.each([
  ["init_lora_weights", "pissa", "init_lora_weights pissa"],
  ["modules_to_save", ["lm_head"], "modules_to_save"],
  ["trainable_token_indices", [1], "trainable_token_indices"],
])("refuses an adapter with %s", (field, value, problem) => {
  const json = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"], [field]: value };
  expect(() => loraResume.settings({ config: json }, config)).toThrow(problem);
});
