import { describe, expect, it } from "vitest";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import { publishMethods } from "../../shared/peft/combine.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import { createRandom } from "../../shared/random.ts";
import { zeros } from "../../shared/tensor.ts";
import { evaluationBatches } from "../../trainer/data/batches.ts";
import { unitsOf } from "../../trainer/data/units.ts";
import { withVirtualTokens } from "../../trainer/data/virtual-tokens.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { slots } from "../../trainer/optim/adamw.ts";
import { frozenTensors, trainingGraph } from "../../trainer/recipes/causal-graphs.ts";
import { attached, moved, settingsOf } from "../support/peft.ts";
import { logitsOf, peftGolden, served } from "../support/peft-golden.ts";
import { largestDifference } from "../trainer/golden-llama.ts";
import { tinyModel } from "../trainer/tiny-model.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const { config, weights } = loadModelFolder(tinyModel());

/** Texts of different lengths; the last two of every three tokens are targets. */
const texts = [9, 4, 6, 3].map((length, index) => {
  const random = createRandom(index, "text");
  const ids = Int32Array.from({ length }, () => random.below(config.vocabSize));
  return { ids, labels: ids.map((id, at) => (at % 3 === 0 ? IGNORED_LABEL : id)) };
});

/** The loss over all texts and its gradients, summed over as many micro-batches as the shape requires. */
async function trained(method: AttachedMethod, shape: BatchShape, packing: boolean) {
  const examples = withVirtualTokens(texts, method.virtualTokens ?? 0, 0);
  const batches = [...evaluationBatches(unitsOf(examples), { shape, packing, padId: 0 })];
  const program = await executor.compile(trainingGraph({ config, method, shape }), {
    bindings: frozenTensors(weights, method),
  });
  let sums = Object.fromEntries(method.parameters.map(({ name, shape: size }) => [slots(name).gradient, zeros(size)]));
  let total = 0;
  for (const { feeds } of batches) {
    const { loss, ...gradients } = await program.run({ ...feeds, ...sums, ...Object.fromEntries(method.initial) });
    sums = gradients as typeof sums;
    total += Number(loss!.data[0]);
  }
  await program.dispose();
  return { batches: batches.length, loss: total, sums };
}

const prompt = { type: "prompt", num_virtual_tokens: 3 };
const prefix = { type: "prefix", num_virtual_tokens: 2 };
const lora = { type: "lora", r: 2, target_modules: "v_proj" };

describe.each([
  { name: "prompt", given: [prompt] },
  { name: "prefix", given: [prefix] },
  { name: "prefix through a network", given: [{ ...prefix, prefix_projection: true }] },
  { name: "prefix, prompt and lora", given: [prefix, prompt, lora] },
])("$name", ({ given }) => {
  it("computes the same for examples in one row as for each in its own row", async () => {
    const method = attached(given, { config, weights });
    const each = method.virtualTokens ?? 0;
    const longest = 9 + each;
    const apart = await trained(method, { rows: 1, tokens: longest }, false);
    const packed = await trained(method, { rows: 1, tokens: 22 + 4 * each }, true);
    const mixed = await trained(method, { rows: 2, tokens: longest + 2 }, true);
    expect([apart.batches, packed.batches]).toEqual([4, 1]);
    for (const other of [packed, mixed]) {
      expect(other.loss).toBeCloseTo(apart.loss, 5);
      for (const { name } of method.parameters) {
        const [one, two] = [apart, other].map(({ sums }) => sums[slots(name).gradient]!.data as Float32Array);
        expect(largestDifference(one!, two!), name).toBeLessThan(1e-6);
      }
    }
    const some = apart.sums[slots(method.parameters[0]!.name).gradient]!.data as Float32Array;
    expect(some.some((value) => Math.abs(value) > 1e-4)).toBe(true);
  });
});

describe("an embedding adapter with virtual tokens", () => {
  const embedding = { type: "lora", r: 2, target_modules: ["embed_tokens"] };

  it.each([
    { name: "before them", given: [embedding, prompt] },
    { name: "after them", given: [prompt, embedding] },
  ])("leaves the placeholders alone, in training and in serving: $name", async ({ given }) => {
    const golden = await peftGolden("prompt");
    const { config: model, weights: base } = golden;
    const method = attached(given, { config: model, weights: base });
    const values = moved(method.initial, { size: 0.3 });
    const settings = given.map(settingsOf);
    const owner = { id: "tiny", files: new Map<string, Uint8Array>() };
    const parts = await publishMethods({ config: model, settings, seed: 1, values, weights: base, base: owner });
    const deltas = parts.flatMap((part) => (part.kind === "adapter" ? [{ delta: part.adapter.delta, weight: 1 }] : []));
    const own = await logitsOf(golden, method, values);
    expect(largestDifference(own, await logitsOf(golden, served(model, sumDeltas(deltas))))).toBeLessThan(1e-4);
    const without = sumDeltas(deltas.filter(({ delta }) => delta.embedding === undefined));
    expect(largestDifference(own, await logitsOf(golden, served(model, without)))).toBeGreaterThan(1e-2);
  });
});
