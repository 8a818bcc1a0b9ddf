import { describe, expect, test } from "vitest";
import { fromF32, type SafetensorsTensor } from "../../../../shared/formats/safetensors.ts";
import { EMBEDDING, HEAD } from "../../../../shared/model/modules.ts";
import { AdapterTensors } from "../../../../shared/peft/adapter-tensors.ts";
import { type LoraAdapter, startOfLayer } from "../../../../shared/peft/lora/adapter.ts";
import { requireOwnCopies } from "../../../../shared/peft/lora/base-copies.ts";
import type { BaseAccess } from "../../../../shared/peft/method.ts";
import { f32, type Tensor, zeros } from "../../../../shared/tensor.ts";
import { type GoldenModel, goldenModel } from "../../model/golden-models.ts";

async function baseOf(name: GoldenModel) {
  const { config, weights } = await goldenModel(name);
  const base: BaseAccess = { config, weight: async (weight) => weights.get(weight)! };
  return { base, weights };
}
const plain = await baseOf("plain");
const tied = await baseOf("tied-sharded-bf16");

const nothing: LoraAdapter = { rankStabilised: false, layers: new Map(), biases: new Map() };
const factors = { a: zeros([32, 2]), b: zeros([2, 96]), alpha: 2 };
const ofHead: LoraAdapter = { ...nothing, layers: new Map([["lm_head", factors]]), start: "pissa" };

const stored = (tensor: Tensor<"f32">, dtype: "F32" | "F16" | "BF16" = "F32"): SafetensorsTensor => ({
  dtype,
  shape: tensor.shape,
  bytes: fromF32(tensor.data, dtype),
});
const changed = ({ shape, data }: Tensor<"f32">, by: number) =>
  f32(
    shape,
    data.map((value, at) => (at === 17 ? value + by : value)),
  );

/** The keys that are left, of tensors that are checked against a base. */
async function check(tensors: Readonly<Record<string, SafetensorsTensor>>, { base } = plain, adapter = nothing) {
  const all = new Map(Object.entries(tensors));
  const reader = new AdapterTensors(all);
  await requireOwnCopies(reader, { stored: all, adapter, base });
  return reader.keys();
}
const [embedding, head] = [plain.weights.get(EMBEDDING)!, plain.weights.get(HEAD)!];
const INSIDE = "base_model.model.model.embed_tokens.base_layer.weight";
const OUTSIDE = "base_model.model.lm_head.weight";

describe("requireOwnCopies", () => {
  test("takes only copies of the base's matrices, inside and outside layers with factors", async () => {
    const other = stored(zeros([1]));
    expect(await check({ [INSIDE]: stored(embedding), [OUTSIDE]: stored(head), other })).toEqual(["other"]);
    expect(await check({})).toEqual([]);
    expect(await check({ [OUTSIDE]: stored(tied.weights.get(EMBEDDING)!) }, tied)).toEqual([]);
  });

  test("accepts rounded copies", async () => {
    for (const dtype of ["F16", "BF16"] as const)
      expect(await check({ [INSIDE]: stored(embedding, dtype) })).toEqual([]);
  });

  test("rejects other matrices by name", async () => {
    for (const one of [
      { [INSIDE]: stored(changed(embedding, 1e-4)) },
      { [INSIDE]: stored(head) },
      { [INSIDE]: stored(changed(embedding, 0.1), "BF16") },
    ]) {
      await expect(check(one)).rejects.toThrow(
        expect.objectContaining({
          code: "invalid_delta",
          message: `the tensor ${INSIDE} differs from the base model's, and a trained or resized matrix cannot be served. Train factors for it instead, or save with save_embedding_layers=False`,
        }),
      );
    }
    await expect(check({ [OUTSIDE]: stored(zeros([97, 32])) })).rejects.toThrow(
      "has 97 rows, but the base model has 96: tokens were added or removed",
    );
  });

  test("expects the remainder if factors started as part of the matrix", async () => {
    for (const [of, keys] of [
      [plain, ["base_model.model.lm_head.base_layer.weight"]],
      [tied, ["base_model.model.lm_head.base_layer.weight", "base_model.model.model.embed_tokens.weight"]],
    ] as const) {
      const { a, b } = (await startOfLayer(ofHead, "lm_head", of.base))!;
      const whole = of.weights.get(of === tied ? EMBEDDING : HEAD)!;
      const left = whole.data.map((value, at) => {
        const [row, column] = [Math.floor(at / 32), at % 32];
        return value - a.data[column * 2]! * b.data[row]! - a.data[column * 2 + 1]! * b.data[96 + row]!;
      });
      for (const key of keys) {
        expect(await check({ [key]: stored(f32([96, 32], left)) }, of, ofHead)).toEqual([]);
        await expect(check({ [key]: stored(whole) }, of, ofHead)).rejects.toThrow("differs from the base model's");
      }
    }
  });
});
