import { describe, expect, test } from "vitest";
import type { CanonicalDelta } from "../../../shared/delta/canonical.ts";
import { decodeCanonical, encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../shared/formats/safetensors.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { weightName } from "../../../shared/model/modules.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import { f32, i64, tensor, zeros } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { goldenBase } from "../../trainer/golden-llama.ts";
import { GOLDEN_ADAPTERS, goldenConfig, goldenDelta, goldenLogits } from "../peft/golden-adapters.ts";

const trained = await goldenDelta("adapter");
const withLinears = (delta: CanonicalDelta, linears: CanonicalDelta["linears"]): CanonicalDelta => ({
  ...delta,
  linears,
});
const Q0 = "layers.0.self_attn.q_proj";

describe("what is served is what peft computes", () => {
  test.each(GOLDEN_ADAPTERS)("%s: W + AB gives peft's logits", async (name) => {
    const { config, weights } = goldenBase();
    const merged = new Map(weights);
    for (const [path, { a, b }] of (await goldenDelta(name)).linears) {
      const base = merged.get(weightName(path))!;
      const [inSize, out] = base.shape as [number, number];
      const rank = a!.shape[1]!;
      const sum = Float64Array.from(base.data);
      for (let i = 0; i < inSize; i++) {
        for (let r = 0; r < rank; r++) {
          for (let o = 0; o < out; o++) sum[i * out + o]! += a!.data[i * rank + r]! * b!.data[r * out + o]!;
        }
      }
      merged.set(weightName(path), f32(base.shape, Float32Array.from(sum)));
    }
    const { inputIds, logits } = goldenLogits(name);
    const [rows, tokens] = inputIds.shape;
    const builder = new GraphBuilder("merged");
    const graph = builder.build({ logits: trainingForward(builder, config, { rows, tokens }).logits });
    const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph, { bindings: merged });
    const computed = await program.run({
      tokens: i64([rows, tokens], inputIds.data),
      positions: i64(
        [rows, tokens],
        inputIds.data.map((_, at) => at % tokens),
      ),
      segments: tensor("i32", [rows, tokens], new Int32Array(rows * tokens)),
    });
    await program.dispose();
    const differences = logits.data.map((value, at) => Math.abs(value - Number(computed.logits!.data[at])));
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });
});

describe("the serving file", () => {
  const delta = trained;

  test("a round trip of a linear layer, scales and biases too", () => {
    const first = delta.linears.get(Q0)!;
    const out = first.b!.shape[1]!;
    const both = { ...first, scale: f32([out], new Float32Array(out).fill(2)), bias: zeros([out]) };
    const full = withLinears(delta, new Map([...delta.linears, [Q0, both]]));
    expect(decodeCanonical(encodeCanonical(full), goldenConfig)).toEqual(full);
    const names = [...parseSafetensors(encodeCanonical(full)).tensors.keys()].filter((name) => name.startsWith(Q0));
    expect(names).toEqual([`${Q0}.A`, `${Q0}.B`, `${Q0}.b`, `${Q0}.s`]);
  });

  test("a round trip of all the other parts", () => {
    const { hiddenSize: width, vocabSize, layers, kvHeads, headDim } = goldenConfig;
    const ones = (...shape: number[]) =>
      f32(shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(1));
    const bottleneck = {
      down: ones(width, 3),
      downBias: ones(3),
      up: ones(3, width),
      upBias: zeros([width]),
      fromOutput: ones(3),
      fromStream: zeros([3]),
      silu: f32([3], [1, 0, 1]),
    };
    const full: CanonicalDelta = {
      linears: new Map(),
      bottlenecks: new Map([["layers.1.mlp", bottleneck]]),
      embedding: { a: ones(vocabSize, 2), b: zeros([2, width]) },
      prompt: ones(4, width),
      prefix: Array.from({ length: layers }, () => ({
        key: ones(5, kvHeads * headDim),
        value: ones(5, kvHeads * headDim),
      })),
    };
    expect(decodeCanonical(encodeCanonical(full), goldenConfig)).toEqual(full);
  });

  test("equal deltas have equal bytes and digests, whatever their order", async () => {
    const reversed = withLinears(delta, new Map([...delta.linears].reverse()));
    expect(encodeCanonical(reversed)).toEqual(encodeCanonical(delta));
    expect(await sha256Hex(encodeCanonical(reversed))).toBe(await sha256Hex(encodeCanonical(delta)));
    expect(await sha256Hex(encodeCanonical(delta))).toMatch(/^[0-9a-f]{64}$/);
    expect(await sha256Hex(encodeCanonical(await goldenDelta("regex-targets-f16")))).not.toBe(
      await sha256Hex(encodeCanonical(delta)),
    );
  });

  const changed = (change: (tensors: Map<string, SafetensorsTensor>) => void, format = "trimtab.serving/1") => {
    const tensors = new Map(parseSafetensors(encodeCanonical(delta)).tensors);
    change(tensors);
    return writeSafetensors(tensors, { format });
  };
  const ones = (shape: number[], value = 1): SafetensorsTensor => ({
    dtype: "F32",
    shape,
    bytes: fromF32(new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value), "F32"),
  });
  const rows = goldenConfig.hiddenSize;
  test.each<[string, Uint8Array, string]>([
    ["another format", changed(() => {}, "pt"), 'serving.safetensors has the format "pt"; expected trimtab.serving/1'],
    ["half a layer", changed((tensors) => tensors.delete(`${Q0}.B`)), `serving.safetensors lacks the tensor ${Q0}.B`],
    [
      "infinity",
      changed((tensors) => tensors.set(`${Q0}.A`, ones([rows, 4], Number.POSITIVE_INFINITY))),
      "is not finite",
    ],
  ])("%s is refused", (_name, bytes, message) => {
    expect(() => decodeCanonical(bytes, goldenConfig)).toThrow(message);
    expect(() => decodeCanonical(bytes, goldenConfig)).toThrow(expect.objectContaining({ code: "invalid_delta" }));
  });
});
