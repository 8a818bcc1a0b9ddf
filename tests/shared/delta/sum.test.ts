import { describe, expect, test } from "vitest";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { SCORER_GOLDENS, scorerOf } from "./golden-scorer.ts";

const matrix = (rows: number[][]) => f32([rows.length, rows[0]!.length], rows.flat());
const vector = (...values: number[]) => f32([values.length], values);

/** A [m, r] times B [r, n], as rows. */
function product(a: Tensor<"f32">, b: Tensor<"f32">): number[][] {
  const [m, r] = a.shape as [number, number];
  const n = b.shape[1]!;
  return Array.from({ length: m }, (_, i) =>
    Array.from({ length: n }, (_, j) =>
      Array.from({ length: r }, (_, k) => a.data[i * r + k]! * b.data[k * n + j]!).reduce((sum, term) => sum + term, 0),
    ),
  );
}

const linear = (
  module: CanonicalDelta["linears"] extends ReadonlyMap<string, infer M> ? M : never,
): CanonicalDelta => ({
  ...NO_DELTA,
  linears: new Map([["q", module]]),
});

describe("sumDeltas", () => {
  test("a single delta with weight 1 is returned as it is", () => {
    const delta = linear({ bias: vector(1) });
    expect(sumDeltas([{ delta, weight: 1 }])).toBe(delta);
  });

  test("low-rank products are summed with their weights", () => {
    const one = { a: matrix([[1], [2]]), b: matrix([[3, 4]]) };
    const two = {
      a: matrix([
        [1, 0],
        [5, 6],
      ]),
      b: matrix([
        [1, 1],
        [2, 3],
      ]),
    };
    const terms = [
      { delta: linear(one), weight: 0.5 },
      { delta: linear(two), weight: -2 },
    ];
    const { a, b } = sumDeltas(terms).linears.get("q")!;
    expect(a!.shape).toEqual([2, 3]);
    const [first, second] = [product(one.a, one.b), product(two.a, two.b)];
    const expected = first.map((row, i) => row.map((value, j) => 0.5 * value - 2 * second[i]![j]!));
    expect(product(a!, b!)).toEqual(expected);
  });

  test("scales are summed as s − 1, biases directly", () => {
    const { scale, bias } = sumDeltas([
      { delta: linear({ scale: vector(1.5, 1), bias: vector(2, 0) }), weight: 2 },
      { delta: linear({ scale: vector(0.75, 3) }), weight: 1 },
      { delta: linear({ bias: vector(1, -1) }), weight: 0.5 },
    ]).linears.get("q")!;
    expect(scale).toEqual(vector(1 + 2 * 0.5 - 0.25, 3));
    expect(bias).toEqual(vector(4.5, -0.5));
  });

  test("layers that only one delta changes are kept", () => {
    const other: CanonicalDelta = { ...NO_DELTA, linears: new Map([["k", { bias: vector(1) }]]) };
    const sum = sumDeltas([
      { delta: linear({ bias: vector(7) }), weight: 1 },
      { delta: other, weight: 3 },
    ]);
    expect([...sum.linears]).toEqual([
      ["q", { bias: vector(7) }],
      ["k", { bias: vector(3) }],
    ]);
  });

  test("bottlenecks are placed side by side, with the weights in U", () => {
    const bottleneck = (down: number, up: number, silu: number) => ({
      down: matrix([[down], [down]]),
      downBias: vector(down),
      up: matrix([[up, up]]),
      upBias: vector(up, 0),
      fromOutput: vector(1),
      fromStream: vector(0),
      silu: vector(silu),
    });
    const delta = (down: number, up: number, silu: number): CanonicalDelta => ({
      ...NO_DELTA,
      bottlenecks: new Map([["layers.0.mlp", bottleneck(down, up, silu)]]),
    });
    const sum = sumDeltas([
      { delta: delta(1, 2, 0), weight: 3 },
      { delta: delta(4, 5, 1), weight: -1 },
    ]);
    expect(sum.bottlenecks.get("layers.0.mlp")).toEqual({
      down: matrix([
        [1, 4],
        [1, 4],
      ]),
      downBias: vector(1, 4),
      up: matrix([
        [6, 6],
        [-5, -5],
      ]),
      upBias: vector(3 * 2 - 5, 0),
      fromOutput: vector(1, 1),
      fromStream: vector(0, 0),
      silu: vector(0, 1),
    });
  });

  test("embeddings are placed side by side too", () => {
    const delta: CanonicalDelta = { ...NO_DELTA, embedding: { a: matrix([[1], [2]]), b: matrix([[1, 1, 1]]) } };
    const { embedding } = sumDeltas([
      { delta, weight: 1 },
      { delta, weight: 2 },
    ]);
    expect(product(embedding!.a, embedding!.b)).toEqual([
      [3, 3, 3],
      [6, 6, 6],
    ]);
  });

  test("a scorer stays with its own delta, as it is", () => {
    const scored: CanonicalDelta = { ...NO_DELTA, scorer: scorerOf(SCORER_GOLDENS[0]!) };
    expect(sumDeltas([{ delta: scored, weight: 1 }])).toBe(scored);
    const refusal = expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining("a scorer") });
    expect(() => sumDeltas([{ delta: scored, weight: 0.5 }])).toThrow(refusal);
    expect(() => sumDeltas([scored, NO_DELTA].map((delta) => ({ delta, weight: 1 })))).toThrow(refusal);
  });

  describe("prompts and prefixes", () => {
    const prompt: CanonicalDelta = { ...NO_DELTA, prompt: matrix([[1, 2]]) };
    const prefix: CanonicalDelta = { ...NO_DELTA, prefix: [{ key: matrix([[1]]), value: matrix([[2]]) }] };

    test("one of each is kept, with a weight of 1", () => {
      const terms = [prompt, linear({ bias: vector(1) }), prefix].map((delta) => ({ delta, weight: 1 }));
      expect(sumDeltas(terms)).toMatchObject({ prompt: prompt.prompt, prefix: prefix.prefix });
    });

    test.each<[string, { delta: CanonicalDelta; weight: number }[], string]>([
      [
        "two prompts",
        [
          { delta: prompt, weight: 1 },
          { delta: prompt, weight: 1 },
        ],
        "2 of the deltas have virtual tokens; at most one can",
      ],
      [
        "two prefixes",
        [
          { delta: prefix, weight: 1 },
          { delta: prefix, weight: 1 },
        ],
        "2 of the deltas have a prefix; at most one can",
      ],
      [
        "half a prompt",
        [{ delta: prompt, weight: 0.5 }],
        "a delta with virtual tokens cannot be weighted: its weight must be 1, got 0.5",
      ],
    ])("rejects %s", (_name, terms, message) => {
      expect(() => sumDeltas(terms)).toThrow(expect.objectContaining({ code: "invalid_delta", message }));
    });
  });
});
