import { describe, expect, it } from "vitest";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { type Unit, unitsOf } from "../../../trainer/data/units.ts";
import { createProgramCache } from "../../../trainer/loop/program-cache.ts";
import { createScorer, withTokenColumn } from "../../../trainer/recipes/scorer.ts";
import { attached } from "../../support/peft.ts";
import { type GoldenTraining, goldenBase, goldenFactors, readGoldenJson } from "../golden-llama.ts";
import { countingExecutor } from "../loop/counting-executor.ts";

const { config, weights } = goldenBase();
const golden = readGoldenJson<GoldenTraining>("lora/golden.json");
const settings = {
  type: "lora",
  r: 4,
  lora_alpha: 8,
  lora_dropout: 0.5,
  target_modules: ["q_proj", "v_proj", "down_proj"],
};
const method = attached(settings, { config, weights });
const [rows, length] = golden.inputIds.shape;
const examples = Array.from({ length: rows }, (_, row) => ({
  ids: Int32Array.from(golden.inputIds.data.slice(row * length, (row + 1) * length)),
  labels: Int32Array.from(golden.labels.data.slice(row * length, (row + 1) * length)),
}));

describe("a scorer", () => {
  it.each([
    { rows: 2, tokens: 10 },
    { rows: 1, tokens: 24 },
  ])(
    "gives every trained token its log-probability, which peft's loss is the mean of: $rows × $tokens",
    async (shape) => {
      const { executor, compiled } = countingExecutor();
      const cache = createProgramCache(executor);
      const score = createScorer(cache, {
        ...{ config, weights, method, rows: { shape, packing: true, padId: 0 } },
        yieldToEventLoop: async () => undefined,
      });
      const adapter = goldenFactors("lora/adapter/adapter_model.safetensors");
      const pair: Unit = { examples };
      const [scores] = await score([pair], adapter);
      const trained = examples.flatMap(({ labels }, k) =>
        [...labels].flatMap((label, at) => (at > 0 && label !== IGNORED_LABEL ? [scores![k]![at]!] : [])),
      );
      expect(-trained.reduce((sum, one) => sum + one, 0) / trained.length).toBeCloseTo(golden.loss, 4);
      const elsewhere = scores!.flatMap((own, k) =>
        [...own].filter((_, at) => at === 0 || examples[k]!.labels[at]! < 0),
      );
      expect(elsewhere.every((one) => Math.abs(one) === 0)).toBe(true);
      // One by one they are what they are together.
      const apart = await score(unitsOf(examples), adapter);
      for (const [k, [own]] of apart.entries()) {
        for (const [at, one] of own!.entries()) expect(one).toBeCloseTo(scores![k]![at]!, 4);
      }
      expect(await score([], adapter)).toEqual([]);
      expect(compiled).toEqual(["log_probabilities"]);
      await cache.dispose();
    },
  );
});

it("withTokenColumn adds a column beside those that are there", () => {
  const [ids, labels] = [Int32Array.of(1, 2), Int32Array.of(-100, 2)];
  const scores = Float32Array.of(0, -3);
  const unit: Unit = { examples: [{ ids, labels, columns: { score: 1 } }], columns: { margin: 2 } };
  expect(withTokenColumn([unit], "reference", [[scores]])).toEqual([
    { examples: [{ ids, labels, columns: { score: 1, reference: scores } }], columns: { margin: 2 } },
  ]);
});
