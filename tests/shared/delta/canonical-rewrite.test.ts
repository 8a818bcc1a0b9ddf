import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type CanonicalBottleneck, type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { canonicalRewrite, prefixTokens, virtualTokens } from "../../../shared/delta/canonical-rewrite.ts";
import { parseSafetensors, toF32 } from "../../../shared/formats/safetensors.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import type { ModelRewrite } from "../../../shared/model/rewrite.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, i64, type Tensor, tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { type GoldenModel, goldenJson, goldenModel, largestDifference } from "../model/golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const { config } = await goldenModel("plain");
const PATH = "layers.0.self_attn.q_proj";
const BLOCK = "layers.0.mlp";

function draw(name: string, shape: readonly number[]): Tensor<"f32"> {
  const random = createRandom(5, name);
  const length = shape.reduce((product, size) => product * size, 1);
  return f32(
    shape,
    Float32Array.from({ length }, () => random.normal()),
  );
}

/** Runs a graph of the rewrite's hooks with `positions` [1, T] and one more input [1, T, D] for each name. */
async function computed(
  delta: CanonicalDelta,
  names: readonly string[],
  body: (rewrite: ModelRewrite, b: GraphBuilder, inputs: readonly Value[], tokens: Value) => Value,
): Promise<Float32Array> {
  const length = 4;
  const b = new GraphBuilder("hook");
  const positions = b.input("positions", "i64", [1, length]);
  const tokens = b.input("tokens", "i64", [1, length]);
  const inputs = names.map((name) => b.input(name, "f32", [1, length, config.hiddenSize]));
  const y = body(canonicalRewrite(b, config, delta, positions), b, inputs, tokens);
  const program = await executor.compile(b.build({ y }));
  const feeds = names.map((name) => [name, draw(name, [1, length, config.hiddenSize])]);
  const result = await program.run({
    ...Object.fromEntries(feeds),
    positions: i64([1, length], [0, 1, 2, 3]),
    tokens: i64([1, length], TOKENS),
  });
  await program.dispose();
  return result.y!.data as Float32Array;
}
const TOKENS = [9, 3, 0, 3];

/** [T, in] · [in, out] in float64. */
function times(x: ArrayLike<number>, matrix: Tensor): number[] {
  const [inner, outer] = matrix.shape as [number, number];
  return Array.from({ length: (x.length / inner) * outer }, (_, at) => {
    const [row, column] = [Math.floor(at / outer), at % outer];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += x[row * inner + k]! * Number(matrix.data[k * outer + column]);
    return sum;
  });
}
const along = (vector: Tensor, at: number) => Number(vector.data[at % vector.data.length]);

describe("canonicalRewrite", () => {
  it("applies the scale, the low-rank product and the bias of a linear layer", async () => {
    const module = {
      a: draw("A", [config.hiddenSize, 3]),
      b: draw("B", [3, 5]),
      scale: draw("s", [5]),
      bias: draw("b", [5]),
    };
    const delta = { ...NO_DELTA, linears: new Map([[PATH, module]]) };
    const weight = draw("W", [config.hiddenSize, 5]);
    const got = await computed(delta, ["x"], (rewrite, b, [x]) => {
      const multiply = (z: Value) => b.matmul(z, b.constant(weight));
      const product = multiply(x!);
      const { scale, added } = rewrite.linear!({ path: PATH, x: x!, product, multiply });
      return added!.reduce((sum, term) => b.add(sum, term), b.mul(product, scale!));
    });
    const x = draw("x", [1, 4, config.hiddenSize]).data;
    const low = times(times(x, module.a), module.b);
    const expected = times(x, weight).map((y, at) => y * along(module.scale, at) + low[at]! + along(module.bias, at));
    expect(largestDifference(got, expected)).toBeLessThan(1e-4);
  });

  it("does not touch layers, blocks and embeddings that are not in the delta", async () => {
    const b = new GraphBuilder("nothing");
    const y = b.input("y", "f32", [1, 4, config.hiddenSize]);
    const tokens = b.input("tokens", "i64", [1, 4]);
    const rewrite = canonicalRewrite(b, config, NO_DELTA, tokens);
    expect(rewrite.linear!({ path: PATH, x: y, product: y, multiply: (z) => z })).toEqual({ added: [] });
    expect(rewrite.block!({ path: BLOCK, stream: y, y })).toEqual([]);
    expect(rewrite.embed!({ tokens, y })).toBe(y);
    expect([rewrite.prefix, prefixTokens(NO_DELTA), virtualTokens(NO_DELTA)]).toEqual([undefined, 0, 0]);
  });

  it.each<[string, Partial<Record<"fromOutput" | "fromStream" | "silu", number[]>>]>([
    ["columns of every kind", {}],
    ["columns of the output only", { fromStream: [0, 0, 0, 0], fromOutput: [1, 1, 1, 1] }],
    ["columns of neither", { fromStream: [0, 0, 0, 0], fromOutput: [0, 0, 0, 0] }],
  ])("adds a block's bottleneck: %s", async (_, flags) => {
    const D = config.hiddenSize;
    const bottleneck: CanonicalBottleneck = {
      down: draw("down", [D, 4]),
      downBias: draw("c", [4]),
      up: draw("up", [4, D]),
      upBias: draw("u", [D]),
      fromOutput: f32([4], flags.fromOutput ?? [1, 0, 1, 1]),
      fromStream: f32([4], flags.fromStream ?? [0, 1, 1, 0]),
      silu: f32([4], flags.silu ?? [0, 1, 1, 1]),
    };
    const delta = { ...NO_DELTA, bottlenecks: new Map([[BLOCK, bottleneck]]) };
    const got = await computed(delta, ["x", "y"], (rewrite, b, [stream, y]) =>
      rewrite.block!({ path: BLOCK, stream: stream!, y: y! }).reduce((sum, term) => b.add(sum, term), b.sub(y!, y!)),
    );
    const [fromY, fromX] = ["y", "x"].map((name) => times(draw(name, [1, 4, D]).data, bottleneck.down)) as [
      number[],
      number[],
    ];
    const f = fromY.map((value, at) => {
      const z =
        value * along(bottleneck.fromOutput, at) +
        fromX[at]! * along(bottleneck.fromStream, at) +
        along(bottleneck.downBias, at);
      return along(bottleneck.silu, at) === 1 ? z / (1 + Math.exp(-z)) : Math.max(0, z);
    });
    const expected = times(f, bottleneck.up).map((value, at) => value + along(bottleneck.upBias, at));
    expect(largestDifference(got, expected)).toBeLessThan(1e-4);
  });

  it("changes embeddings by token, and uses the prompt's before the text", async () => {
    const D = config.hiddenSize;
    const embedding = { a: draw("eA", [config.vocabSize, 2]), b: draw("eB", [2, D]) };
    const prompt = draw("prompt", [2, D]);
    const delta = { ...NO_DELTA, embedding, prompt };
    expect(virtualTokens(delta)).toBe(2);
    const got = await computed(delta, ["y"], (rewrite, _, [y], tokens) => rewrite.embed!({ tokens, y: y! }));
    const y = draw("y", [1, 4, D]).data;
    const expected = TOKENS.flatMap((token, position) => {
      if (position < 2) return [...prompt.data.subarray(position * D, (position + 1) * D)];
      const change = times(embedding.a.data.subarray(token * 2, token * 2 + 2), embedding.b);
      return change.map((value, at) => value + y[position * D + at]!);
    });
    expect(largestDifference(got, expected)).toBeLessThan(1e-5);
  });

  it("rejects a prefix with the wrong number of layers", () => {
    const pair = { key: draw("k", [1, 16]), value: draw("v", [1, 16]) };
    const b = new GraphBuilder("refused");
    const positions = b.input("positions", "i64", [1, 4]);
    const delta = { ...NO_DELTA, prefix: [pair, pair, pair] };
    expect(prefixTokens(delta)).toBe(1);
    expect(() => canonicalRewrite(b, config, delta, positions)).toThrow(
      expect.objectContaining({
        code: "invalid_delta",
        message: "the delta's prefix has 3 layers, but the model has 2",
      }),
    );
  });
});

interface Golden {
  readonly base: `llama/${GoldenModel}`;
  readonly inputIds: { readonly shape: readonly [number, number]; readonly data: readonly number[] };
  readonly logits: { readonly data: readonly number[] };
}

/** The logits [B, T, V] of the golden's text. */
async function textLogits(model: ModelConfig, golden: Golden, delta: CanonicalDelta): Promise<Float32Array> {
  const { weights } = await goldenModel(golden.base.slice("llama/".length) as GoldenModel);
  const [rows, length] = golden.inputIds.shape;
  const virtual = virtualTokens(delta);
  const tokens = virtual + length;
  const b = new GraphBuilder("golden");
  const { logits } = trainingForward(
    b,
    model,
    { rows, tokens },
    { rewrite: (positions) => canonicalRewrite(b, model, delta, positions), prefixTokens: prefixTokens(delta) },
  );
  const program = await executor.compile(b.build({ logits: b.slice(logits, 1, virtual) }), { bindings: weights });
  const row = (r: number) => [
    ...new Array<number>(virtual).fill(0),
    ...golden.inputIds.data.slice(r * length).slice(0, length),
  ];
  const all = Array.from({ length: rows }, (_, r) => r);
  const result = await program.run({
    tokens: i64([rows, tokens], all.flatMap(row)),
    positions: i64(
      [rows, tokens],
      all.flatMap(() => Array.from({ length: tokens }, (_, position) => position)),
    ),
    segments: tensor("i32", [rows, tokens], new Int32Array(rows * tokens)),
  });
  await program.dispose();
  return result.logits!.data as Float32Array;
}

describe("positions before the text match peft", () => {
  const embeddings = (name: string) => {
    const file = readFileSync(new URL(`../../golden/peft/${name}/adapter_model.safetensors`, import.meta.url));
    return toF32(parseSafetensors(file).tensors.get("prompt_embeddings")!);
  };

  it.each(["prompt", "prompt-qwen2"])("virtual tokens: %s", async (name) => {
    const golden = goldenJson<Golden>(`peft/${name}/golden.json`);
    const model = (await goldenModel(golden.base.slice("llama/".length) as GoldenModel)).config;
    const values = embeddings(name);
    const delta = { ...NO_DELTA, prompt: f32([values.length / model.hiddenSize, model.hiddenSize], values) };
    expect(largestDifference(await textLogits(model, golden, delta), golden.logits.data)).toBeLessThan(1e-4);
  });

  it.each(["prefix", "prefix-qwen2", "prefix-tied"])("a prefix: %s", async (name) => {
    const golden = goldenJson<Golden>(`peft/${name}/golden.json`);
    const model = (await goldenModel(golden.base.slice("llama/".length) as GoldenModel)).config;
    const values = embeddings(name);
    const width = model.kvHeads * model.headDim;
    const count = values.length / (2 * model.layers * width);
    // [n, layers, key and value, K·P]
    const part = (which: number) => {
      const rows = Array.from({ length: count }, (_, n) => {
        const at = (n * 2 * model.layers + which) * width;
        return [...values.subarray(at, at + width)];
      });
      return f32([count, width], rows.flat());
    };
    const prefix = Array.from({ length: model.layers }, (_, layer) => ({
      key: part(2 * layer),
      value: part(2 * layer + 1),
    }));
    const got = await textLogits(model, golden, { ...NO_DELTA, prefix });
    expect(largestDifference(got, golden.logits.data)).toBeLessThan(1e-4);
  });
});
