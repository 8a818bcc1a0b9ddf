import { expect, test } from "vitest";
import { weightedSum } from "../../../../shared/delta/merge/combine.ts";
import { elementwise, type MergeContext, type Term } from "../../../../shared/delta/merge/elementwise.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { expectClose } from "../../linalg/property.ts";
import { linears, lowRank, productOf, Q, randomDelta, UP } from "./deltas.ts";

const OPTIONS = { rank: 12, density: 1, majoritySignMethod: "total", seed: 9 } as const;

function watching() {
  const calls: { readonly place: string; readonly terms: readonly Term[]; readonly context: MergeContext }[] = [];
  const method = elementwise((terms, context) => {
    calls.push({ place: context.place, terms, context });
    return weightedSum(terms);
  }, []);
  return { calls, method };
}

test("combine gets every part of every delta, with the delta's weight and index", () => {
  const { calls, method } = watching();
  const one = linears({ [Q]: lowRank(2, "one") });
  const two = linears({ [Q]: lowRank(1, "two"), [UP]: { scale: f32([8], new Float32Array(8).fill(3)) } });
  method.merge(
    [
      { delta: one, weight: 0.5 },
      { delta: two, weight: 2 },
    ],
    OPTIONS,
  );
  const seen = calls.map(({ place, terms }) => [place, terms.map(({ weight, index }) => [weight, index])]);
  expect(seen).toEqual([
    [
      Q,
      [
        [0.5, 0],
        [2, 1],
      ],
    ],
    [`${UP}.s`, [[2, 1]]],
  ]);
  // A scale is passed as s − 1.
  expect([...calls[1]!.terms[0]!.values]).toEqual(Array.from({ length: 8 }, () => 2));
  const elements = calls[0]!.terms[0]!.values;
  expect(elements).toEqual(productOf(one.linears.get(Q)).data);
  expect(calls[0]!.context).toEqual({ ...OPTIONS, place: Q });
});

test("every combined part ends up in its place", () => {
  const { calls, method } = watching();
  const delta = randomDelta("one");
  const merged = method.merge([{ delta, weight: 1 }], OPTIONS);
  expect(calls.map(({ place }) => place).sort()).toEqual(
    ["embed_tokens", Q, "layers.0.self_attn.k_proj", "layers.0.self_attn.k_proj.b", `${UP}.b`, `${UP}.s`].sort(),
  );
  expect(merged.linears.get(UP)!.bias).toEqual(delta.linears.get(UP)!.bias);
  for (const [index, value] of merged.linears.get(UP)!.scale!.data.entries()) {
    expect(value).toBeCloseTo(delta.linears.get(UP)!.scale!.data[index]!, 6);
  }
  expectClose(productOf(merged.embedding, 20, 12), productOf(delta.embedding, 20, 12), 1e-6);
});
