/** The contract of every merging method, run over the registry, and comparisons with peft. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mergeDeltas } from "../../../../shared/delta/merge/merge.ts";
import { MERGE_METHODS, type MergeMethodName } from "../../../../shared/delta/merge/registry.ts";
import { parseSafetensors, toF32 } from "../../../../shared/formats/safetensors.ts";
import { product } from "../../../../shared/linalg/matrix.ts";
import { transposed } from "../../../../shared/model/weights.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { expectClose } from "../../linalg/property.ts";
import { additions, K, linears, lowRank, Q, randomDelta, sumOfAdditions } from "./deltas.ts";

const ACCURACY = 1e-6;
const METHODS = Object.keys(MERGE_METHODS) as MergeMethodName[];

/** Options that keep everything, so that each method returns a sum. */
function keepingAll(method: MergeMethodName) {
  const { needs, takes } = MERGE_METHODS[method];
  return {
    method,
    ...(needs.includes("density") ? { density: 1 } : {}),
    ...(takes.includes("rank") ? { rank: 12 } : {}),
  };
}

/** Options with which lossy methods lose something. */
function losing(method: MergeMethodName) {
  const { needs, takes } = MERGE_METHODS[method];
  return {
    method,
    ...(needs.includes("density") ? { density: 0.5 } : {}),
    ...(takes.includes("rank") ? { rank: 3 } : {}),
    ...(takes.includes("seed") ? { seed: 5 } : {}),
  };
}

const expectSame = (one: ReturnType<typeof additions>, other: ReturnType<typeof additions>, accuracy = ACCURACY) => {
  for (const [name, value] of one) expectClose(value, other.get(name)!, accuracy);
};

test.each(METHODS)("%s: a single delta kept in full is that delta times its weight", (method) => {
  const delta = randomDelta("one");
  for (const weight of [1, 0.5, -1]) {
    const merged = mergeDeltas([{ delta, weight }], keepingAll(method));
    expectSame(additions(merged), sumOfAdditions([{ delta, weight }]));
  }
});

test.each(METHODS)("%s: negating the weights negates the result", (method) => {
  const terms = [
    { delta: randomDelta("one"), weight: 0.75 },
    { delta: randomDelta("two", 3), weight: 0.5 },
  ];
  const plus = mergeDeltas(terms, losing(method));
  const minus = mergeDeltas(
    terms.map(({ delta, weight }) => ({ delta, weight: -weight })),
    losing(method),
  );
  expectSame(additions(minus), sumOfAdditions([{ delta: plus, weight: -1 }]));
});

test.each(METHODS)("%s: a part that only one delta has is kept", (method) => {
  const one = linears({ [Q]: lowRank(2, "one") });
  const two = linears({ [K]: lowRank(2, "two") });
  const terms = [
    { delta: one, weight: 1 },
    { delta: two, weight: 2 },
  ];
  const merged = mergeDeltas(terms, keepingAll(method));
  expect([...merged.linears.keys()]).toEqual([Q, K]);
  expectSame(additions(merged), sumOfAdditions(terms));
});

test.each(METHODS)("%s: equal arguments give equal bits and are not mutated", (method) => {
  const make = () => [
    { delta: randomDelta("one"), weight: 1 },
    { delta: randomDelta("two"), weight: -0.5 },
  ];
  const terms = make();
  expect(mergeDeltas(terms, losing(method))).toEqual(mergeDeltas(make(), losing(method)));
  expect(terms).toEqual(make());
});

test.each(METHODS.filter((method) => MERGE_METHODS[method].takes.includes("rank")))(
  "%s: no ΔW exceeds the rank",
  (method) => {
    const terms = ["one", "two", "three"].map((name) => ({ delta: randomDelta(name), weight: 1 }));
    for (const [rank, expected] of [
      [3, 3],
      [undefined, 2],
    ] as const) {
      const { rank: _, ...others } = keepingAll(method);
      const options = rank === undefined ? others : { ...others, rank };
      const { linears: merged, embedding } = mergeDeltas(terms, options);
      expect(merged.get(Q)!.a!.shape).toEqual([12, expected]);
      expect(merged.get(K)!.b!.shape).toEqual([expected, 8]);
      expect(embedding!.a.shape).toEqual([20, expected]);
    }
  },
);

test.each(METHODS.filter((method) => MERGE_METHODS[method].takes.includes("seed")))(
  "%s: another seed, another result",
  (method) => {
    const terms = [{ delta: randomDelta("one"), weight: 1 }];
    const of = (seed: number) => mergeDeltas(terms, { ...losing(method), seed });
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  },
);

interface GoldenCase {
  readonly name: string;
  readonly type: keyof typeof PEFT_NAMES;
  readonly weights: readonly [number, number];
  readonly rank: number | null;
  readonly density: number | null;
  readonly majoritySign: "total" | "frequency" | null;
}
const PEFT_NAMES = { cat: "cat", svd: "svd", ties_svd: "ties", magnitude_prune_svd: "magnitude_prune" } as const;
const folder = new URL("../../../golden/merge/", import.meta.url);
const golden: { readonly cases: readonly GoldenCase[] } = JSON.parse(
  readFileSync(new URL("cases.json", folder), "utf8"),
);
const { tensors } = parseSafetensors(readFileSync(new URL("lora.safetensors", folder)), { finite: true });

/** The factors of a case, in the layout of graphs. */
function adapter(name: string) {
  const read = (key: string) => {
    const tensor = tensors.get(key)!;
    return transposed(f32(tensor.shape, toF32(tensor)));
  };
  const modules = [...tensors.keys()].filter((key) => key.startsWith(`${name}/`) && key.endsWith(".lora_A"));
  return linears(
    Object.fromEntries(
      modules.map((key) => {
        const path = key.slice(name.length + 1, -".lora_A".length);
        return [path, { a: read(key), b: read(`${name}/${path}.lora_B`) }];
      }),
    ),
  );
}

test.each(golden.cases)("peft's merge: $name", ({ name, type, weights, rank, density, majoritySign }) => {
  const terms = [
    { delta: adapter("one"), weight: weights[0] },
    { delta: adapter("two"), weight: weights[1] },
  ];
  const merged = mergeDeltas(terms, {
    method: PEFT_NAMES[type],
    ...(rank === null ? {} : { rank }),
    ...(density === null ? {} : { density }),
    ...(majoritySign === null ? {} : { majoritySignMethod: majoritySign }),
  });
  const expected = adapter(name);
  expect([...merged.linears.keys()].sort()).toEqual([...expected.linears.keys()].sort());
  for (const [path, { a, b }] of expected.linears) {
    const found = merged.linears.get(path)!;
    const dense = (left: typeof a, right: typeof b) =>
      product(
        { ...left!, dtype: "f64", data: Float64Array.from(left!.data) },
        { ...right!, dtype: "f64", data: Float64Array.from(right!.data) },
      );
    expectClose(dense(found.a, found.b), dense(a, b), 2e-6);
  }
});
