import { expect, it } from "vitest";
import { unitsOf } from "../../../trainer/data/units.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { createEvaluator, measureBase } from "../../../trainer/recipes/evaluator.ts";
import { attached } from "../../support/peft.ts";
import { type GoldenTraining, goldenBase, goldenFactors, readGoldenJson } from "../golden-llama.ts";

const { config, weights } = goldenBase();
const golden = readGoldenJson<GoldenTraining>("lora/golden.json");
const settings = {
  type: "lora",
  r: 4,
  lora_alpha: 8,
  lora_dropout: 0.5,
  target_modules: ["q_proj", "v_proj", "down_proj"],
} as const;
const method = attached(settings, { config, weights });
const [rows, length] = golden.inputIds.shape;
const units = unitsOf(
  Array.from({ length: rows }, (_, row) => ({
    ids: Int32Array.from(golden.inputIds.data.slice(row * length, (row + 1) * length)),
    labels: Int32Array.from(golden.labels.data.slice(row * length, (row + 1) * length)),
  })),
);

// Packed, in one batch and in two: the mean is over the labels of all batches, and dropout is off.
it.each([
  { rows: 2, tokens: 10 },
  { rows: 1, tokens: 10 },
  { rows: 1, tokens: 24 },
])("measures peft's loss in batches of $rows × $tokens", async (shape) => {
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  let yields = 0;
  const yieldToEventLoop = async () => void yields++;
  const options = { config, weights, method, rows: { shape, packing: true, padId: 0 }, yieldToEventLoop };
  const evaluator = await createEvaluator(executor, options);
  const adapter = goldenFactors("lora/adapter/adapter_model.safetensors");
  expect((await evaluator.measure(adapter, units)).loss).toBeCloseTo(golden.loss, 4);
  expect(yields).toBe(shape.rows === 1 && shape.tokens === 10 ? 2 : 1);
  expect((await evaluator.measure(method.initial, units)).loss).toBeCloseTo(
    readGoldenJson<{ loss: number }>("lora/full.json").loss,
    4,
  );
  await evaluator.dispose();
});

it("measures the base without the method", async () => {
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const rowOptions = { shape: { rows: 2, tokens: 10 }, packing: true, padId: 0 };
  const options = { config, weights, method, rows: rowOptions, yieldToEventLoop: async () => {} };
  const base = (await measureBase(executor, { ...options, units })).loss;
  const evaluator = await createEvaluator(executor, options);
  expect((await evaluator.measure(method.initial, units)).loss).toBe(base);
  expect(base).not.toBeCloseTo(golden.loss, 2);
  await evaluator.dispose();
});

it("measures the base in the form that the method holds it in, and asks for no other", async () => {
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const qlora = { type: "qlora", r: 2, init_lora_weights: "pissa" } as const;
  const list = [qlora, { type: "prefix", num_virtual_tokens: 2 }];
  const [alone, both] = [qlora, list].map((given) => attached(given, { config, weights }));
  const asked: string[] = [];
  const watched = Object.assign(new Map(weights), {
    get: (name: string) => {
      asked.push(name);
      return weights.get(name);
    },
  });
  const rowOptions = { shape: { rows: 2, tokens: 10 }, packing: true, padId: 0 };
  const options = { config, rows: rowOptions, yieldToEventLoop: async () => {} };
  const base = (await measureBase(executor, { ...options, units, weights: watched, method: both! })).loss;
  const evaluator = await createEvaluator(executor, { ...options, weights, method: alone! });
  expect(base).toBe((await evaluator.measure(alone!.initial, units)).loss);
  await evaluator.dispose();
  expect(asked.filter((name) => both!.replaced!.has(name))).toEqual([]);
  const inFloat32 = (await measureBase(executor, { ...options, units, weights, method })).loss;
  expect(Math.abs(base - inFloat32)).toBeGreaterThan(1e-4);
});
