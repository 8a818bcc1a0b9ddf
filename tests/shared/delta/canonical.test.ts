import { describe, expect, test } from "vitest";
import {
  type CanonicalDelta,
  canonicalLora,
  changesNothing,
  decodeCanonical,
  encodeCanonical,
} from "../../../shared/delta/canonical.ts";
import { readPeftFolder } from "../../../shared/delta/peft-folder.ts";
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
import { GOLDEN_ADAPTERS, goldenConfig, goldenFolder, goldenLogits } from "./golden-adapters.ts";

const canonical = (name: (typeof GOLDEN_ADAPTERS)[number]) =>
  canonicalLora(readPeftFolder(goldenFolder(name), goldenConfig));
const Q0 = "layers.0.self_attn.q_proj";

describe("what is served is what peft computes", () => {
  test.each(GOLDEN_ADAPTERS)("%s: W + AB gives peft's logits", async (name) => {
    const { config, weights } = goldenBase();
    const merged = new Map(weights);
    for (const [path, { a, b }] of canonical(name)) {
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

describe("scales", () => {
  test("α/r is folded into B and leaves A alone; α/√r and patterns by module", () => {
    const adapter = readPeftFolder(goldenFolder("rslora-patterns"), goldenConfig);
    const delta = canonicalLora(adapter);
    const scaleOf = (path: string) => delta.get(path)!.b!.data[0]! / adapter.factors.get(path)!.b.data[0]!;
    expect(delta.get(Q0)!.a).toBe(adapter.factors.get(Q0)!.a);
    expect(scaleOf(Q0)).toBeCloseTo(8 / Math.sqrt(4), 6);
    expect(scaleOf("layers.0.self_attn.k_proj")).toBeCloseTo(4 / Math.sqrt(2), 6);
    expect(scaleOf("layers.1.mlp.gate_proj")).toBeCloseTo(8 / Math.sqrt(6), 6);
  });
});

describe("the serving file", () => {
  const delta = canonical("adapter");

  test("a round trip, scales and biases too", () => {
    const out = delta.get(Q0)!.b!.shape[1]!;
    const full: CanonicalDelta = new Map([
      ...delta,
      [Q0, { ...delta.get(Q0)!, scale: f32([out], new Float32Array(out).fill(2)), bias: zeros([out]) }],
    ]);
    expect(decodeCanonical(encodeCanonical(full), goldenConfig)).toEqual(full);
    const names = [...parseSafetensors(encodeCanonical(full)).tensors.keys()].filter((name) => name.startsWith(Q0));
    expect(names).toEqual([`${Q0}.A`, `${Q0}.B`, `${Q0}.b`, `${Q0}.s`]);
  });

  test("equal deltas have equal bytes and digests, whatever their order", async () => {
    const reversed = new Map([...delta].reverse());
    expect(encodeCanonical(reversed)).toEqual(encodeCanonical(delta));
    expect(await sha256Hex(encodeCanonical(reversed))).toBe(await sha256Hex(encodeCanonical(delta)));
    expect(await sha256Hex(encodeCanonical(delta))).toMatch(/^[0-9a-f]{64}$/);
    expect(await sha256Hex(encodeCanonical(canonical("regex-targets-f16")))).not.toBe(
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
    [
      "another format",
      changed(() => {}, "pt"),
      'serving.safetensors says its format is "pt"; expected trimtab.serving/1',
    ],
    ["nothing", changed((tensors) => tensors.clear()), "serving.safetensors holds no tensor"],
    [
      "an unknown tensor",
      changed((tensors) => tensors.set("layers.99.x.A", ones([1]))),
      'has a tensor "layers.99.x.A", which belongs to no layer',
    ],
    ["A without B", changed((tensors) => tensors.delete(`${Q0}.B`)), `lacks the tensor ${Q0}.B`],
    ["B without A", changed((tensors) => tensors.delete(`${Q0}.A`)), `${Q0}.B F32`],
    [
      "A of a wrong height",
      changed((tensors) => tensors.set(`${Q0}.A`, ones([rows + 1, 4]))),
      `has a tensor ${Q0}.A F32 [${rows + 1}, 4] that does not fit`,
    ],
    ["A and B of two ranks", changed((tensors) => tensors.set(`${Q0}.A`, ones([rows, 3]))), `${Q0}.B F32`],
    ["a rank of 0", changed((tensors) => tensors.set(`${Q0}.A`, ones([rows, 0]))), `${Q0}.A F32`],
    ["a bias of a wrong length", changed((tensors) => tensors.set(`${Q0}.b`, ones([3]))), `${Q0}.b F32 [3]`],
    [
      "another dtype",
      changed((tensors) => tensors.set(`${Q0}.A`, { dtype: "F16", shape: [rows, 4], bytes: new Uint8Array(rows * 8) })),
      `${Q0}.A F16`,
    ],
    [
      "infinity",
      changed((tensors) => tensors.set(`${Q0}.A`, ones([rows, 4], Number.POSITIVE_INFINITY))),
      "is not a finite number",
    ],
  ])("%s is refused", (_name, bytes, message) => {
    expect(() => decodeCanonical(bytes, goldenConfig)).toThrow(message);
    expect(() => decodeCanonical(bytes, goldenConfig)).toThrow(expect.objectContaining({ code: "invalid_delta" }));
  });
});

test("a delta that changes nothing is known", () => {
  const delta = canonical("adapter");
  const emptied = (b: boolean): CanonicalDelta =>
    new Map(
      [...delta].map(([path, module]) => [
        path,
        { ...module, ...(b ? { b: zeros(module.b!.shape) } : { a: zeros(module.a!.shape) }) },
      ]),
    );
  expect([changesNothing(delta), changesNothing(emptied(true)), changesNothing(emptied(false))]).toEqual([
    false,
    true,
    true,
  ]);
  const biased: CanonicalDelta = new Map([[Q0, { bias: f32([1], [1]) }]]);
  const unscaled: CanonicalDelta = new Map([[Q0, { scale: f32([1], [1]), bias: f32([1], [0]) }]]);
  expect([changesNothing(biased), changesNothing(unscaled)]).toEqual([false, true]);
});
