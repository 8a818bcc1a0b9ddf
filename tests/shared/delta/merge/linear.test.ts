import { expect, test } from "vitest";
import type { CanonicalModule } from "../../../../shared/delta/canonical.ts";
import { linear } from "../../../../shared/delta/merge/linear.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { expectClose } from "../../linalg/property.ts";
import { additions, linears, lowRank, Q, randomDelta, randomTensor, sumOfAdditions } from "./deltas.ts";

const UNUSED = { rank: 1, density: 1, majoritySignMethod: "total", seed: 0 } as const;
const merged = (...modules: readonly (readonly [CanonicalModule, number])[]) =>
  linear
    .merge(
      modules.map(([module, weight]) => ({ delta: linears({ [Q]: module }), weight })),
      UNUSED,
    )
    .linears.get(Q)!;

test("independent factors are unchanged, with the weight in B", () => {
  const [one, two] = [lowRank(2, "one"), lowRank(3, "two")];
  const { a, b } = merged([one, 1], [two, -0.5]);
  expect(a!.shape).toEqual([12, 5]);
  expect([...b!.data.slice(0, 16)]).toEqual([...one.b!.data]);
  expect([...b!.data.slice(16)]).toEqual([...two.b!.data].map((value) => value * -0.5));
});

test("more columns than the layer has outputs are reduced without loss", () => {
  const terms = ["one", "two", "three"].map((name, index) => ({ delta: randomDelta(name, 4), weight: index - 1.5 }));
  const result = linear.merge(terms, UNUSED);
  expect(result.linears.get(Q)!.a!.shape).toEqual([12, 8]);
  const expected = sumOfAdditions(terms);
  for (const [name, value] of additions(result)) expectClose(value, expected.get(name)!, 1e-6);
});

test("linearly dependent columns are joined: a shared A, a shared B, a delta in two parts", () => {
  const { a } = lowRank(2, "one");
  const other = { a: a!, b: randomTensor([2, 8], "other") };
  expect(merged([lowRank(2, "one"), 1], [other, 1]).a!.shape).toEqual([12, 2]);
  const delta = lowRank(2, "one");
  expect(merged([delta, 0.1], [delta, 0.2]).a!.shape).toEqual([12, 2]);
});

test("deltas that cancel up to float32 rounding leave nothing", () => {
  const delta = lowRank(2, "one");
  expect(merged([delta, 0.1], [delta, 0.2], [delta, -0.3])).toEqual({});
  expect(merged([delta, 0.1], [delta, 0.2], [delta, -0.3], [lowRank(1, "rest"), 1]).a!.shape).toEqual([12, 1]);
});

test("scales are summed as s − 1, biases directly", () => {
  const { scale, bias } = merged(
    [{ scale: f32([2], [1.5, 0]), bias: f32([2], [1, 2]) }, 2],
    [{ scale: f32([2], [2, 2]) }, -1],
  );
  expect([...scale!.data]).toEqual([1, -2]);
  expect([...bias!.data]).toEqual([2, 4]);
});
