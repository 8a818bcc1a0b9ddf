import { describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { planMethods } from "../../../shared/peft/combine.ts";
import { estimateCost, type MethodCost } from "../../../shared/peft/cost.ts";
import { settingsOf } from "../../support/peft.ts";

const CONFIG = {
  model_type: "llama",
  vocab_size: 2048,
  hidden_size: 256,
  num_hidden_layers: 6,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  intermediate_size: 768,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  max_position_embeddings: 512,
  tie_word_embeddings: true,
};
const config = parseModelConfig(CONFIG);
const cost = (given: object, model = config): MethodCost =>
  estimateCost(model, planMethods({ config: model, settings: [settingsOf(given)], param: "peft" }));

describe("estimateCost", () => {
  it("counts what LoRA trains exactly: r(in + out) for each layer", () => {
    const perRank = 6 * (2 * (256 + 256) + 2 * (256 + 128) + 3 * (256 + 768));
    expect(cost({ type: "lora", r: 4 }).trainableParameters).toBe(4 * perRank);
    expect(cost({ type: "full" }).trainableParameters).toBe(parameterCount(config));
  });

  it("takes a full fine-tune for dearer to train and store, and for free to serve", () => {
    const [lora, full] = [cost({ type: "lora" }), cost({ type: "full" })];
    expect(full.trainingMsPerToken / lora.trainingMsPerToken).toBeGreaterThan(1.3);
    expect(full.trainingPeakBytes).toBeGreaterThan(lora.trainingPeakBytes);
    expect(full.deltaBytes).toBeGreaterThan(5 * lora.deltaBytes);
    expect([full.servingOverhead, lora.servingOverhead > 0.05]).toEqual([0, true]);
  });

  it("grows with the rank", () => {
    for (const figure of Object.keys(cost({ type: "lora" })) as (keyof MethodCost)[]) {
      expect(cost({ type: "lora", r: 32 })[figure], figure).toBeGreaterThan(cost({ type: "lora", r: 2 })[figure]);
    }
  });

  it("weighs a delta less on a larger model", () => {
    const larger = parseModelConfig({ ...CONFIG, hidden_size: 1024, intermediate_size: 4096 });
    expect(cost({ type: "lora" }, larger).servingOverhead).toBeLessThan(cost({ type: "lora" }).servingOverhead);
  });
});
