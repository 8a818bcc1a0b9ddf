import { expect, test } from "vitest";
import { type CanonicalDelta, NO_DELTA } from "../../../../shared/delta/canonical.ts";
import {
  highestRank,
  type MergeRequest,
  mergeDeltas,
  mergeSteps,
  mergeWork,
} from "../../../../shared/delta/merge/merge.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import { SCORER_GOLDENS, scorerOf } from "../golden-scorer.ts";
import { linears, lowRank, Q, randomDelta, randomTensor, UP } from "./deltas.ts";

function refusal(request: MergeRequest, delta: CanonicalDelta = randomDelta("one"), weight = 1) {
  try {
    mergeDeltas(
      [
        { delta: randomDelta("first"), weight: 1 },
        { delta, weight },
      ],
      request,
    );
  } catch (error) {
    const { code, message, param } = error as { code: string; message: string; param: string };
    return { code, message, param };
  }
  return undefined;
}

test("a missing or unused option is rejected by name", () => {
  expect(refusal({ method: "ties" })).toEqual({
    code: "invalid_request",
    message: "`density` is missing; the method ties requires it.",
    param: "density",
  });
  expect(refusal({ method: "linear", rank: 4 })).toEqual({
    code: "invalid_request",
    message: "`rank` is not used by the method linear; remove it.",
    param: "rank",
  });
  expect(refusal({ method: "dare", density: 0.5, majoritySignMethod: "total" })?.param).toBe("majority_sign_method");
  expect(refusal({ method: "ties", density: 0.5, seed: 1 })?.param).toBe("seed");
});

test.each(["linear", "cat", "svd"] as const)("%s: a delta with a scorer is rejected by its place", (method) => {
  const scored = { ...randomDelta("one"), scorer: scorerOf(SCORER_GOLDENS[0]!) };
  expect(refusal({ method }, scored)).toMatchObject({ code: "invalid_request", param: "deltas[1]" });
  expect(refusal({ method }, scored)?.message).toContain("a delta with a scorer");
});

test("a weight of 0 or NaN is rejected", () => {
  expect(refusal({ method: "cat" }, undefined, 0)).toEqual({
    code: "invalid_request",
    message:
      "`deltas[1].weight` must be a finite number other than 0, got 0; to exclude the delta, leave it out of the list.",
    param: "deltas[1].weight",
  });
  expect(refusal({ method: "cat" }, undefined, Number.NaN)?.param).toBe("deltas[1].weight");
});

const width = 12;
const bottleneck = {
  down: randomTensor([width, 2], "down"),
  downBias: f32([2], [0, 0]),
  up: randomTensor([2, width], "up"),
  upBias: randomTensor([width], "up bias"),
  fromOutput: f32([2], [1, 1]),
  fromStream: f32([2], [0, 0]),
  silu: f32([2], [0, 0]),
};
const withBottleneck = { ...NO_DELTA, bottlenecks: new Map([["layers.0.mlp", bottleneck]]) };

test.each([
  ["bottleneck adapters", withBottleneck],
  ["virtual tokens (prompt tuning)", { ...NO_DELTA, prompt: randomTensor([3, width], "prompt") }],
  ["a prefix", { ...NO_DELTA, prefix: [{ key: f32([1, 2], [1, 2]), value: f32([1, 2], [3, 4]) }] }],
] as const)("%s cannot be merged element by element, nor truncated", (part, delta) => {
  for (const request of [{ method: "ties", density: 0.5 }, { method: "svd" }] as const) {
    expect(refusal(request, delta)).toEqual({
      code: "invalid_request",
      message: `\`method\` ${request.method} merges weight matrices and vectors, but deltas[1] has ${part}; use linear or cat.`,
      param: "method",
    });
  }
});

test("exact methods place bottlenecks side by side, with the weights in U", () => {
  for (const method of ["linear", "cat"] as const) {
    const merged = mergeDeltas(
      [
        { delta: withBottleneck, weight: 1 },
        { delta: withBottleneck, weight: -0.5 },
      ],
      { method },
    ).bottlenecks.get("layers.0.mlp")!;
    expect(merged.down.shape).toEqual([width, 4]);
    expect([...merged.up.data.slice(-2 * width)]).toEqual([...bottleneck.up.data].map((value) => value * -0.5));
    expect([...merged.upBias.data]).toEqual([...bottleneck.upBias.data].map((value) => Math.fround(value * 0.5)));
  }
});

test.each(["linear", "cat", "svd"] as const)(
  "%s: deltas that cancel, exactly or up to rounding, are rejected",
  (method) => {
    const delta = randomDelta("one");
    for (const weights of [
      [1, -1],
      [0.1, 0.2, -0.3],
    ]) {
      const terms = weights.map((weight) => ({ delta: linears({ [Q]: delta.linears.get(Q)! }), weight }));
      expect(() => mergeDeltas(terms, { method })).toThrow("`deltas` cancel out, so the result changes nothing");
    }
  },
);

test("scales of 1, biases of 0 and empty layers are removed", () => {
  const one = linears({ [Q]: lowRank(2, "q"), [UP]: { scale: f32([2], [3, 1]), bias: f32([2], [1, 2]) } });
  const two = linears({ [UP]: { scale: f32([2], [3, 1]), bias: f32([2], [1, 2]) } });
  const merged = mergeDeltas(
    [
      { delta: one, weight: 1 },
      { delta: two, weight: -1 },
    ],
    { method: "linear" },
  );
  expect([...merged.linears.keys()]).toEqual([Q]);
});

test("mergeSteps gives the same result, with one step for each part of the model", () => {
  const terms = [
    { delta: randomDelta("one"), weight: 1 },
    { delta: randomDelta("two"), weight: 0.5 },
    { delta: withBottleneck, weight: 2 },
  ];
  const steps = mergeSteps(terms, { method: "linear" });
  let count = 0;
  for (;;) {
    const { done, value } = steps.next();
    if (done) {
      expect(value).toEqual(mergeDeltas(terms, { method: "linear" }));
      // Three linear layers, one block, the embedding.
      expect([...value.linears.keys(), ...value.bottlenecks.keys()]).toHaveLength(4);
      expect(value.embedding).toBeDefined();
      break;
    }
    count++;
  }
  expect(count).toBe(5);
});

test("the work grows with the matrices that a method decomposes", () => {
  const terms = [
    { delta: linears({ [Q]: lowRank(2, "a"), [UP]: { bias: f32([8], new Float32Array(8)) } }), weight: 1 },
    { delta: linears({ [Q]: lowRank(3, "b") }), weight: 1 },
  ];
  const [rows, columns, rank] = [12, 8, 5];
  expect(mergeWork(terms, "cat")).toBe((rows + columns) * rank ** 2);
  expect(mergeWork(terms, "ties")).toBe(rows * columns * (rank + columns) + 9 * columns ** 3);
  expect(mergeWork(terms, "linear")).toBe(4 * (rows + columns) * rank ** 2 + 20 * rank ** 3);
  const embedding = { a: randomTensor([4, 2], "a"), b: randomTensor([2, 3], "b") };
  expect(mergeWork([{ delta: { ...NO_DELTA, embedding }, weight: 1 }], "cat")).toBe(7 * 4);
});

test("the highest rank is taken over all layers and the embedding", () => {
  expect(highestRank(NO_DELTA)).toBe(0);
  expect(highestRank(linears({ [Q]: lowRank(2, "q"), [UP]: lowRank(5, "up") }))).toBe(5);
  expect(highestRank({ ...NO_DELTA, embedding: { a: randomTensor([4, 7], "a"), b: randomTensor([7, 2], "b") } })).toBe(
    7,
  );
});

test.each([
  { method: "linear" },
  { method: "cat" },
  { method: "svd", rank: 2 },
  { method: "ties", density: 0.5 },
  { method: "dare", density: 0.5 },
  { method: "dare_ties", density: 0.5 },
  { method: "magnitude_prune", density: 0.5 },
] as const)("elements that could overflow 32-bit floats are rejected: %j", (request) => {
  const huge = (size: number) => {
    const { a, b } = lowRank(3, "huge");
    const grown = (tensor: Tensor<"f32"> | undefined) =>
      f32(
        tensor!.shape,
        tensor!.data.map((value) => size * value),
      );
    return linears({ [Q]: { a: grown(a), b: grown(b) } });
  };
  expect(refusal(request, huge(1e30))).toEqual({
    code: "invalid_request",
    message: "`deltas[1]` has elements too large to merge in 32-bit floats; lower its weight or remove it.",
    param: "deltas[1]",
  });
  expect(refusal(request, huge(1e15))).toBeUndefined();
  expect(refusal(request, huge(1e15), 1e8)?.param).toBe("deltas[1]");
});
