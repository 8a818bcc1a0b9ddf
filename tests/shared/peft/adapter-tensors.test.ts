import { describe, expect, test } from "vitest";
import { fromF32, type SafetensorsTensor } from "../../../shared/formats/safetensors.ts";
import { AdapterTensors, type ExpectedSize } from "../../../shared/peft/adapter-tensors.ts";
import { f32 } from "../../../shared/tensor.ts";

const stored = (shape: number[], values: number[], dtype: "F32" | "F16" | "BF16" = "F32"): SafetensorsTensor => ({
  dtype,
  shape,
  bytes: fromF32(Float32Array.from(values), dtype),
});
const tensors = () =>
  new AdapterTensors(
    new Map([
      ["a", stored([1, 2], [1, 2])],
      ["half", stored([2], [0.5, -3], "F16")],
      ["brain", stored([2], [0.5, -3], "BF16")],
      ["empty", stored([0, 2], [])],
      ["whole", { dtype: "I32", shape: [1], bytes: new Uint8Array(4) } as const],
    ]),
  );

describe("AdapterTensors", () => {
  test("takes each tensor once, widened to float32", () => {
    const some = tensors();
    expect([some.has("a"), some.has("b")]).toEqual([true, false]);
    expect(some.take("a", ["r", 2])).toEqual(f32([1, 2], [1, 2]));
    expect(some.take("half", [2])).toEqual(f32([2], [0.5, -3]));
    expect(some.takeOptional("brain", [2])).toEqual(f32([2], [0.5, -3]));
    expect(some.takeOptional("brain", [2])).toBeUndefined();
    expect(some.has("a")).toBe(false);
    expect([some.shapeOf("empty"), some.shapeOf("a")]).toEqual([[0, 2], undefined]);
    expect(some.keys()).toEqual(["empty", "whole"]);
  });

  test.each<[string, readonly ExpectedSize[], string]>([
    [
      "b",
      [1],
      'adapter_model.safetensors lacks the tensor b; none of its 5 tensors fits this base model, and the first is "a"',
    ],
    [
      "a",
      [1, 3],
      "the tensor a has shape [1, 2], but the base model needs [1, 3]; was the adapter made for another base?",
    ],
    ["a", ["r"], "the tensor a has shape [1, 2], but the base model needs [r]"],
    [
      "empty",
      ["r", 2],
      "the tensor empty has shape [0, 2], but the base model needs [r, 2]; it is empty, as ZeRO stage 3 saves weights",
    ],
    ["whole", [1], "the tensor whole has dtype I32; save the adapter as F32, F16 or BF16"],
  ])("refuses %s as %j", (key, expected, message) => {
    expect(() => tensors().take(key, expected)).toThrow(
      expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining(message) }),
    );
  });

  test("what is missing after others have fitted is only missing", () => {
    const some = tensors();
    some.take("a", [1, 2]);
    expect(() => some.take("b", [1])).toThrow(/lacks the tensor b$/);
    expect(() => new AdapterTensors(new Map()).take("b", [1])).toThrow("lacks the tensor b; the file has no tensors");
    const mlx = new AdapterTensors(new Map([["model.layers.0.self_attn.q_proj.lora_a", stored([1], [1])]]));
    expect(() => mlx.take("b", [1])).toThrow("in MLX's layout, which has to be converted to peft's");
  });

  test("rejects tensors that were not taken", () => {
    const some = tensors();
    expect(() => some.done()).toThrow('the tensor "a" matches no part of the adapter on this base model');
    const one = new AdapterTensors(new Map([["a", stored([1], [1])]]));
    one.take("a", [1]);
    expect(() => one.done()).not.toThrow();
  });
});
