import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseSafetensors, toF32 } from "../../../shared/formats/safetensors.ts";
import { tapNames } from "../../../shared/model/taps.ts";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { type ReadActivationsOptions, readActivations } from "../../../trainer/recipes/read-activations.ts";
import { type GoldenTraining, goldenBase, largestDifference, readGoldenJson } from "../golden-llama.ts";

const runtime = createOnnxRuntimeExecutor({ threads: 1 });
const { config, weights } = goldenBase();
const options: ReadActivationsOptions = {
  ...{ config, weights, padId: 0 },
  taps: ["layers.0"],
  yieldToEventLoop: async () => undefined,
};

async function all(texts: readonly (readonly number[])[], changes: Partial<ReadActivationsOptions> = {}) {
  const read = readActivations(
    runtime,
    texts.map((ids) => Int32Array.from(ids)),
    { ...options, ...changes },
  );
  const found = new Map<number, ReadonlyMap<string, Float32Array>>();
  for await (const { index, length, states } of read) {
    expect(length).toBe(texts[index]!.length);
    expect(found.has(index)).toBe(false);
    found.set(index, new Map([...states].map(([name, state]) => [name, state.slice()])));
  }
  return found;
}

describe("readActivations", () => {
  it("gives transformers' hidden states at every tap", async () => {
    const { inputIds } = readGoldenJson<Pick<GoldenTraining, "inputIds">>("llama/plain/golden.json");
    const ids = inputIds.data.slice(0, inputIds.shape[1]);
    const file = readFileSync(new URL("../../golden/hidden-states/plain.safetensors", import.meta.url));
    const taps = tapNames(config);
    const states = (await all([[5, 6], ids], { taps })).get(1)!;
    for (const [name, expected] of parseSafetensors(file).tensors) {
      expect(largestDifference(toF32(expected), states.get(name)!)).toBeLessThan(1e-5);
    }
    expect([...states.keys()]).toEqual(taps);
  });

  it("gives the same for a text whatever is packed beside it, each text once", async () => {
    const texts = Array.from({ length: 40 }, (_, at) =>
      Array.from({ length: 1 + (at % 9) }, (_, t) => (at * 7 + t) % 96),
    );
    const together = await all(texts);
    expect([...together.keys()].sort((a, b) => a - b)).toEqual(texts.map((_, at) => at));
    for (const at of [0, 8, 39]) {
      const alone = (await all([texts[at]!])).get(0)!.get("layers.0")!;
      expect(largestDifference(alone, together.get(at)!.get("layers.0")!)).toBeLessThan(1e-5);
    }
  });

  it("holds no weights of the layers above the highest tap", async () => {
    const bound: string[] = [];
    const watched: typeof runtime = {
      ...runtime,
      createCache: (shape) => runtime.createCache(shape),
      compile: (graph, given) => {
        bound.push(...(given?.bindings?.keys() ?? []));
        return runtime.compile(graph, given);
      },
    };
    for await (const _ of readActivations(watched, [Int32Array.of(1)], options));
    expect(bound.length).toBeGreaterThan(0);
    expect(bound.filter((name) => name.includes("layers.1") || name.includes("lm_head"))).toEqual([]);
  });

  it("reads nothing for no texts, and names an unknown tap", async () => {
    expect((await all([])).size).toBe(0);
    await expect(all([[1]], { taps: ["layers.9"] })).rejects.toMatchObject({ code: "invalid_graph" });
  });

  it("names a tap whose values are not finite", async () => {
    const name = "model.layers.0.mlp.down_proj.weight";
    const weight = weights.get(name)!;
    const broken = new Map([...weights.keys()].map((key) => [key, weights.get(key)!]));
    broken.set(name, f32(weight.shape, new Float32Array(weight.data.length).fill(Number.NaN)));
    await expect(all([[1, 2]], { weights: broken, taps: ["embedding", "layers.0"] })).rejects.toMatchObject({
      code: "non_finite",
      message: expect.stringContaining("activations at layers.0 are not finite"),
    });
  });
});
