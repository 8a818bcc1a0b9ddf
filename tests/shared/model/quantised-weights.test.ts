import { describe, expect, it } from "vitest";
import { fromF32, parseSafetensors, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { EMBEDDING, linearModules, weightName } from "../../../shared/model/modules.ts";
import {
  nf4Products,
  type Quantisation,
  quantisedBytes,
  quantisedNames,
  quantiseWeights,
  throughNf4,
} from "../../../shared/model/quantised-weights.ts";
import { openWeights, type Weights, weightsForFile } from "../../../shared/model/weights.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { frozenTensors } from "../../../trainer/recipes/causal-graphs.ts";
import { NO_METHOD } from "../../support/peft.ts";
import { tinyModel } from "../../trainer/tiny-model.ts";

const { config, weights } = loadModelFolder(tinyModel());
const kinds: readonly Quantisation[] = [{ doubleQuantised: false }, { doubleQuantised: true }];
const Q = weightName("layers.0.self_attn.q_proj");

/** xW for every linear layer, with an x of its width and the base's weights from `bindings`. */
async function products(
  x: ReadonlyMap<string, Tensor>,
  bindings: ReadonlyMap<string, Tensor>,
  product: (b: GraphBuilder, path: string, x: Value) => Value,
) {
  const b = new GraphBuilder("products");
  const outputs = linearModules(config).map(({ path }) => {
    return [path, product(b, path, b.input(path, "f32", x.get(path)!.shape))] as const;
  });
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(b.build(Object.fromEntries(outputs)), {
    bindings,
  });
  const results = await program.run(Object.fromEntries(x));
  await program.dispose();
  return results;
}

describe.each(kinds)("a base in 4 bits, %o", (quantisation) => {
  const held = quantiseWeights(config, weights, quantisation);
  const restore = throughNf4(config, quantisation);

  it("computes the same products as the restored weights", async () => {
    const random = createRandom(3, "x");
    const x = new Map(
      linearModules(config).map(({ path, in: width }) => [
        path,
        f32(
          [2, 3, width],
          Float32Array.from({ length: 6 * width }, () => random.normal()),
        ),
      ]),
    );
    const inputs = new Map<string, Value>();
    const quantised = await products(x, held, (b, path, value) => {
      const input = (name: string) => {
        const { dtype, shape } = held.get(name)!;
        const made = inputs.get(name) ?? b.input(name, dtype, shape);
        inputs.set(name, made);
        return made;
      };
      return nf4Products(b, { config, quantisation, input })(path, value)!;
    });
    const restored = new Map(
      quantisedNames(config).map((name): [string, Tensor<"f32">] => [name, restore(name, weights.get(name)!)]),
    );
    const plain = await products(x, restored, (b, path, value) => {
      const name = weightName(path);
      return b.matmul(value, b.input(name, "f32", restored.get(name)!.shape));
    });
    for (const [path, { data }] of Object.entries(plain)) {
      const other = quantised[path]!.data as Float32Array;
      const worst = (data as Float32Array).reduce((max, value, i) => Math.max(max, Math.abs(value - other[i]!)), 0);
      expect(worst, path).toBeLessThan(1e-6);
    }
  });

  it("is near the base, and changes only the linear layers of the blocks", () => {
    for (const [name, weight] of weights) {
      const restored = restore(name, weight);
      if (!quantisedNames(config).includes(name)) {
        expect(restored).toBe(weight);
        continue;
      }
      const relative = distance(restored, weight);
      expect(relative).toBeGreaterThan(0.02);
      expect(relative).toBeLessThan(0.15);
    }
    expect(quantisedNames(config)).not.toContain(EMBEDDING);
  });

  it("takes as many bytes as quantisedBytes says", () => {
    const all = frozenTensors(weights, {
      ...NO_METHOD,
      frozen: held,
      replaced: new Set(quantisedNames(config)),
    });
    const bytes = [...all.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(quantisedBytes(config, quantisation)).toBe(bytes);
  });

  it("gives the same result from memory and from a file", () => {
    expect(quantiseWeights(config, new Map(weights), quantisation)).toEqual(held);
  });

  it("names a weight that contains NaN", () => {
    const { shape, data } = weights.get(Q)!;
    const broken: Weights = new Map(weights).set(Q, f32(shape, data.with(5, Number.NaN)));
    expect(() => quantiseWeights(config, broken, quantisation)).toThrow(`${Q}: value `);
    expect(() => restore(Q, broken.get(Q)!)).toThrow(`${Q}: value `);
  });
});

it("gives the index of a NaN in the whole weight, whichever part it was read in", () => {
  const wide = { ...config, hiddenSize: 512, heads: 4, kvHeads: 4, headDim: 128, ffnSize: 1024, layers: 1 };
  const at = 300_000;
  const file = [...weightsForFile(wide, initialWeights(wide, 1))].map(([name, { shape, data }]) => {
    const values = name === weightName("layers.0.mlp.up_proj") ? data.with(at, Number.NaN) : data;
    return [name, { dtype: "F32", shape, bytes: fromF32(values, "F32") }] as const;
  });
  const opened = openWeights(wide, parseSafetensors(writeSafetensors(new Map(file))).tensors);
  expect(() => quantiseWeights(wide, opened, { doubleQuantised: true })).toThrow(
    `${weightName("layers.0.mlp.up_proj")}: value ${at} is NaN`,
  );
});

it("quantising restored weights again changes nothing if the scales are float32", () => {
  const restore = throughNf4(config, { doubleQuantised: false });
  const once = restore(Q, weights.get(Q)!);
  expect(restore(Q, once)).toEqual(once);
});

it("does not compute the head's product", () => {
  const b = new GraphBuilder("head");
  const product = nf4Products(b, { config, quantisation: kinds[0]!, input: () => b.scalar(0) });
  expect(product("lm_head", b.input("x", "f32", [1, config.hiddenSize]))).toBeUndefined();
});

// 510 · 1,101 values take more than one part, and their last block is short.
it("takes 4.127 bits per weight, and joins the parts that it reads", () => {
  const sizes = { hiddenSize: 510, heads: 5, kvHeads: 5, headDim: 102, ffnSize: 1101 };
  const wide = { ...config, ...sizes, layers: 1 };
  const made = initialWeights(wide, 1);
  const file = [...weightsForFile(wide, made)].map(([name, { shape, data }]) => {
    return [name, { dtype: "F32", shape, bytes: fromF32(data, "F32") }] as const;
  });
  const opened = openWeights(wide, parseSafetensors(writeSafetensors(new Map(file))).tensors);
  const held = quantiseWeights(wide, opened, { doubleQuantised: true });
  const fromMemory = quantiseWeights(wide, made, { doubleQuantised: true });
  expect([...held.keys()]).toEqual([...fromMemory.keys()]);
  for (const [name, { data }] of held) {
    expect(Buffer.from(data.buffer).equals(Buffer.from(fromMemory.get(name)!.data.buffer)), name).toBe(true);
  }
  const bytes = [...held.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  const count = quantisedNames(wide).reduce((sum, name) => sum + made.get(name)!.data.length, 0);
  expect((8 * bytes) / count).toBeCloseTo(4.127, 2);
});

/** ‖a − b‖ / ‖b‖ */
function distance(a: Tensor<"f32">, b: Tensor<"f32">): number {
  const norm = (value: (i: number) => number) => Math.sqrt(b.data.reduce((sum, _, i) => sum + value(i) ** 2, 0));
  return norm((i) => a.data[i]! - b.data[i]!) / norm((i) => b.data[i]!);
}
