import { expect, test } from "vitest";
import { type CanonicalModule, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { onTopOf } from "../../../shared/delta/on-top-of.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";

const [IN, OUT] = [3, 4];
const random = createRandom(5);
const tensor = (...shape: number[]): Tensor<"f32"> =>
  f32(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  );

const FULL = (rank: number): CanonicalModule => ({
  ...{ a: tensor(IN, rank), b: tensor(rank, OUT), scale: tensor(OUT), bias: tensor(OUT) },
});
const delta = (module: CanonicalModule | undefined) =>
  module === undefined ? NO_DELTA : { ...NO_DELTA, linears: new Map([["q", module]]) };

/** A layer's output with a module, in float64: s ⊙ y + xAB + b for y = xW. */
function apply(x: Float64Array, y: Float64Array, { a, b, scale, bias }: CanonicalModule): Float64Array {
  return y.map((value, out) => {
    let sum = value * (scale?.data[out] ?? 1) + (bias?.data[out] ?? 0);
    const rank = a?.shape[1] ?? 0;
    for (let r = 0; r < rank; r++) {
      for (let i = 0; i < IN; i++) sum += x[i]! * a!.data[i * rank + r]! * b!.data[r * OUT + out]!;
    }
    return sum;
  });
}

const product = { a: tensor(IN, 2), b: tensor(2, OUT) };
test.each<[string, CanonicalModule, CanonicalModule]>([
  ["everything on everything", FULL(2), FULL(1)],
  ["factors on factors", product, { a: tensor(IN, 1), b: tensor(1, OUT) }],
  ["a scale on factors", product, { scale: tensor(OUT) }],
  ["factors on a scale", { scale: tensor(OUT) }, product],
  ["a bias on a bias", { bias: tensor(OUT) }, { bias: tensor(OUT) }],
])("%s computes what the second computes on the merged layer", (_name, first, second) => {
  const x = Float64Array.from({ length: IN }, () => random.normal());
  const y = Float64Array.from({ length: OUT }, () => random.normal());
  // The merged layer's bias is no part of its product, which alone is scaled: the second's own bias has that share in it.
  const { bias, ...withoutBias } = first;
  const wanted = apply(x, apply(x, y, withoutBias), second).map((value, out) => value + (bias?.data[out] ?? 0));
  const got = apply(x, y, onTopOf(delta(first), delta(second)).linears.get("q")!);
  for (const [out, value] of got.entries()) expect(value).toBeCloseTo(wanted[out]!, 5);
});

test("what only one of them has stays as it is, prompts and embeddings included", () => {
  const embedding = { a: tensor(5, 1), b: tensor(1, IN) };
  const first = { ...delta(product), embedding };
  const prompt = tensor(2, IN);
  const sum = onTopOf(first, { ...delta(undefined), prompt, embedding });
  expect(sum.linears.get("q")).toBe(product);
  expect(sum.prompt).toBe(prompt);
  expect(sum.embedding?.a.shape).toEqual([5, 2]);
  expect(onTopOf(NO_DELTA, delta(product)).linears.get("q")).toBe(product);
});
