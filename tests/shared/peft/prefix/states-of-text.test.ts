import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../../shared/graph/builder.ts";
import type { Value } from "../../../../shared/graph/graph.ts";
import type { LinearSite, ModelRewrite } from "../../../../shared/model/rewrite.ts";
import { ropeTables } from "../../../../shared/model/rope.ts";
import { trainingForward } from "../../../../shared/model/training-forward.ts";
import { statesOfText } from "../../../../shared/peft/prefix/states-of-text.ts";
import { i64, tensor } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { GOLDEN_MODELS, type GoldenModel, goldenModel, largestDifference } from "../../model/golden-models.ts";

const ids = [5, 17, 5, 80, 33, 2];
const executor = createOnnxRuntimeExecutor({ threads: 1 });

/** Keys, rotated, and values of every layer as the training graph computes them. */
async function statesOfGraph(name: GoldenModel): Promise<Record<string, Float32Array>> {
  const { config, weights } = await goldenModel(name);
  const b = new GraphBuilder("states");
  const seen = new Map<string, Value>();
  const watch: ModelRewrite = {
    linear: ({ path, product, bias }: LinearSite) => {
      if (/[kv]_proj$/.test(path)) seen.set(path, bias === undefined ? product : b.add(product, bias));
      return {};
    },
  };
  const shape = [1, ids.length];
  trainingForward(b, config, { rows: 1, tokens: ids.length }, { rewrite: () => watch });
  const positions = b.input("turns", "i64", shape);
  const tables = ropeTables(config, ids.length);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };
  const outputs = [...seen].map(([path, value]) => {
    const heads = b.transpose(b.reshape(value, [1, ids.length, config.kvHeads, config.headDim]), [0, 2, 1, 3]);
    const turned = path.endsWith("k_proj") ? b.rope(heads, positions, rope) : heads;
    return [path, b.reshape(b.transpose(turned, [0, 2, 1, 3]), [ids.length, config.kvHeads * config.headDim])] as const;
  });
  const program = await executor.compile(b.build(Object.fromEntries(outputs)), { bindings: weights });
  const counted = i64(
    shape,
    ids.map((_, at) => at),
  );
  const segments = tensor("i32", shape, new Int32Array(ids.length));
  const result = await program.run({ tokens: i64(shape, ids), positions: counted, turns: counted, segments });
  await program.dispose();
  return Object.fromEntries(Object.entries(result).map(([path, { data }]) => [path, data as Float32Array]));
}

describe.each(GOLDEN_MODELS)("statesOfText: %s", (name) => {
  it("returns the keys and values of the training graph", async () => {
    const { config, weights } = await goldenModel(name);
    const states = statesOfText(config, weights, ids);
    expect(states).toHaveLength(config.layers);
    const graph = await statesOfGraph(name);
    for (const [layer, { key, value }] of states.entries()) {
      const shape = [ids.length, config.kvHeads * config.headDim];
      expect([key.shape, value.shape]).toEqual([shape, shape]);
      const of = (module: string) => graph[`layers.${layer}.self_attn.${module}`]!;
      expect(largestDifference(key.data, of("k_proj"))).toBeLessThan(1e-4);
      expect(largestDifference(value.data, of("v_proj"))).toBeLessThan(1e-4);
    }
  });

  it("attends only to earlier tokens", async () => {
    const { config, weights } = await goldenModel(name);
    const [whole, start] = [ids, ids.slice(0, 3)].map((some) => statesOfText(config, weights, some).at(-1)!);
    const { length } = start!.key.data;
    expect(start!.key.data).toEqual(whole!.key.data.slice(0, length));
    expect(start!.value.data).toEqual(whole!.value.data.slice(0, length));
  });
});
