import { readFileSync } from "node:fs";
import { join } from "node:path";
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
  it("counts LoRA's parameters exactly: r(in + out) for each layer", () => {
    const perRank = 6 * (2 * (256 + 256) + 2 * (256 + 128) + 3 * (256 + 768));
    expect(cost({ type: "lora", r: 4 }).trainableParameters).toBe(4 * perRank);
    expect(cost({ type: "full" }).trainableParameters).toBe(parameterCount(config));
  });

  it("makes full fine-tuning more expensive to train and store, but free to serve", () => {
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

  it("charges padding and placeholders to the text's time, and only positions to memory", () => {
    const plan = planMethods({ config, settings: [settingsOf({ type: "lora" })], param: "peft" });
    const full = estimateCost(config, plan, { rows: 8, tokens: 128, text: 1024 });
    const half = estimateCost(config, plan, { rows: 8, tokens: 128, text: 512 });
    expect(full).toEqual(cost({ type: "lora" }));
    expect(half.trainingMsPerToken).toBeCloseTo(2 * full.trainingMsPerToken, 10);
    expect(half.trainingPeakBytes).toBe(full.trainingPeakBytes);
    expect(cost({ type: "prompt", num_virtual_tokens: 64 }).trainingMsPerToken).toBeGreaterThan(
      1.4 * cost({ type: "prompt", num_virtual_tokens: 1 }).trainingMsPerToken,
    );
  });

  it("makes attention over long rows more expensive per token", () => {
    const plan = planMethods({ config, settings: [settingsOf({ type: "ia3" })], param: "peft" });
    const [short, long] = [128, 512].map((tokens) => estimateCost(config, plan, { rows: 1, tokens, text: tokens }));
    expect(long!.trainingMsPerToken).toBeGreaterThan(1.2 * short!.trainingMsPerToken);
  });

  it("counts a large frozen base once, and a small one as often as the engine packs it", () => {
    const large = parseModelConfig({ ...CONFIG, hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: 12 });
    const bytes = 4 * parameterCount(large);
    expect(bytes).toBeGreaterThan(256 * 1024 * 1024);
    const shape = { rows: 1, tokens: 1, text: 1 };
    const plan = (model: typeof config) =>
      planMethods({ config: model, settings: [settingsOf({ type: "bitfit", add_biases: true })], param: "peft" });
    const peak = (model: typeof config) => estimateCost(model, plan(model), shape).trainingPeakBytes - 166e6;
    expect(peak(large) / bytes).toBeCloseTo(1, 1);
    expect(peak(config) / (4 * parameterCount(config))).toBeCloseTo(4.5, 0);
  });

  it("weighs a delta less on a larger model", () => {
    const larger = parseModelConfig({ ...CONFIG, hidden_size: 1024, intermediate_size: 4096 });
    expect(cost({ type: "lora" }, larger).servingOverhead).toBeLessThan(cost({ type: "lora" }).servingOverhead);
  });
});

/** `npm run bench -- serving` measures these, of rank 8 or with 16 positions, on the embedded base. */
it.each([
  ["lora", { type: "lora", r: 8 }],
  ["dora", { type: "dora", r: 8 }],
  ["ia3", { type: "ia3" }],
  ["bitfit", { type: "bitfit", add_biases: true }],
  ["houlsby", { type: "bottleneck", config: "houlsby" }],
  ["parallel", { type: "bottleneck", config: "parallel" }],
  ["prompt", { type: "prompt", num_virtual_tokens: 16 }],
  ["prefix", { type: "prefix", num_virtual_tokens: 16 }],
])("the overhead of serving %s is within 0.12 of the measured one", (load, settings) => {
  const read = (path: string) => JSON.parse(readFileSync(join(import.meta.dirname, "../../..", path), "utf8"));
  const { loads } = read("tests/bench/results/serving.json") as {
    loads: { load: string; rows: number; overhead: number }[];
  };
  const measured = loads.find((found) => found.load === load && found.rows === 1)!.overhead;
  const estimated = cost(settings, parseModelConfig(read("infra/base/model/config.json"))).servingOverhead;
  expect(Math.abs(estimated - measured)).toBeLessThan(0.12);
});
