import { describe, expect, it } from "vitest";
import { product, transpose, widened } from "../../../../shared/linalg/matrix.ts";
import { svd } from "../../../../shared/linalg/svd.ts";
import { weightName } from "../../../../shared/model/modules.ts";
import { transposed } from "../../../../shared/model/weights.ts";
import {
  type Factors,
  layerWeight,
  layerWeightName,
  type RandomStart,
  randomFactors,
  weightFactors,
} from "../../../../shared/peft/lora/start.ts";
import { createRandom } from "../../../../shared/random.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { goldenFile, peftGolden } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const layer = { path: "layers.0.self_attn.q_proj", in: 200, out: 300, rank: 8 };
const start = (kind: RandomStart, changes: Partial<typeof layer> = {}, seed = 1) =>
  randomFactors({ ...layer, ...changes }, kind, seed);
const productOf = ({ a, b }: Factors) => product(widened(a), widened(b));
const deviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

describe("randomFactors", () => {
  it("are uniform in ±1/√in, or normal with a deviation of 1/r, beside a B of 0", () => {
    const [uniform, gaussian] = [start("uniform"), start("gaussian")];
    expect(Math.max(...uniform.a.data.map(Math.abs)) * Math.sqrt(200)).toBeCloseTo(1, 1);
    expect(deviation(uniform.a.data) * Math.sqrt(3 * 200)).toBeCloseTo(1, 1);
    expect(deviation(gaussian.a.data) * 8).toBeCloseTo(1, 1);
    for (const { a, b } of [uniform, gaussian]) {
      expect([a.shape, b.shape]).toEqual([
        [200, 8],
        [8, 300],
      ]);
      expect(deviation(b.data)).toBe(0);
    }
  });

  it("are reversed for the embedding, whatever the initialisation", () => {
    for (const kind of ["uniform", "gaussian", "orthogonal"] as const) {
      const { a, b } = start(kind, { path: "embed_tokens", in: 500 });
      expect(deviation(a.data)).toBe(0);
      expect(deviation(b.data)).toBeCloseTo(1, 1);
    }
  });

  it("are both other than 0 in an orthogonal start, and cancel out", () => {
    const factors = start("orthogonal");
    // A row of A is four standard normal numbers times orthonormal rows, over ten.
    expect(deviation(factors.a.data)).toBeCloseTo(0.1 * Math.sqrt(0.5), 2);
    expect(deviation(factors.b.data)).toBeCloseTo(0.1 * Math.sqrt(0.5), 2);
    expect(Math.max(...productOf(factors).data.map(Math.abs))).toBeLessThan(1e-7);
  });

  it("depend on the seed and the layer", () => {
    for (const kind of ["uniform", "gaussian", "orthogonal"] as const) {
      expect(start(kind)).toEqual(start(kind));
      expect(start(kind, {}, 2)).not.toEqual(start(kind));
      expect(start(kind, { path: "layers.1.self_attn.q_proj" })).not.toEqual(start(kind));
    }
  });
});

describe("weightFactors", () => {
  it.each(["pissa", "olora"] as const)("%s: their product is peft's for every layer of the golden", async (kind) => {
    const { weights } = await peftGolden(kind);
    const stored = goldenFile(kind, "init.safetensors");
    const paths = [...stored.keys()].flatMap(
      (key) => /^base_model\.model\.model\.(.*)\.lora_A\.weight$/.exec(key)?.[1] ?? [],
    );
    expect(paths).toHaveLength(6);
    for (const path of paths) {
      const factor = (name: string) => transposed(stored.get(`base_model.model.model.${path}.lora_${name}.weight`)!);
      const expected = productOf({ a: factor("A"), b: factor("B") });
      const found = productOf(weightFactors(weights.get(weightName(path))!, kind, { rank: 3, scale: 4 / 3 }));
      expect(largestDifference(found.data, expected.data), path).toBeLessThan(1e-5);
    }
  });

  const random = createRandom(1, "weight");
  const weight = f32(
    [12, 9],
    Float32Array.from({ length: 108 }, () => random.normal()),
  );

  it("pissa: s·AB is the best approximation of its rank, shared evenly between A and B", () => {
    const factors = weightFactors(weight, "pissa", { rank: 4, scale: 0.5 });
    const { u, s, v } = svd(widened(weight));
    const best = Float64Array.from({ length: 108 }, (_, at) => {
      const [row, column] = [Math.floor(at / 9), at % 9];
      return [0, 1, 2, 3].reduce((sum, k) => sum + u.data[row * 9 + k]! * s[k]! * v.data[column * 9 + k]!, 0);
    });
    expect(
      largestDifference(
        productOf(factors).data.map((value) => value / 2),
        best,
      ),
    ).toBeLessThan(1e-6);
    const lengths = (column: (i: number, k: number) => number, count: number) =>
      [0, 1, 2, 3].map((k) =>
        Array.from({ length: count }, (_, i) => column(i, k) ** 2).reduce((sum, x) => sum + x, 0),
      );
    const ofA = lengths((i, k) => factors.a.data[i * 4 + k]!, 12);
    const ofB = lengths((i, k) => factors.b.data[k * 9 + i]!, 9);
    expect(largestDifference(ofA, ofB)).toBeLessThan(1e-5);
    expect(
      largestDifference(
        ofA,
        s.slice(0, 4).map((value) => value / 0.5),
      ),
    ).toBeLessThan(1e-5);
  });

  it("olora: the rows of B are orthonormal, and the remainder of the weight is orthogonal to them", () => {
    const { a, b } = weightFactors(weight, "olora", { rank: 4, scale: 3 });
    const gram = product(widened(b), transpose(widened(b)));
    const identity = Array.from({ length: 16 }, (_, at) => (at % 5 === 0 ? 1 : 0));
    expect(largestDifference(gram.data, identity)).toBeLessThan(1e-6);
    const rest = weight.data.map((value, at) => value - productOf({ a, b }).data[at]!);
    expect(Math.max(...product(widened(f32([12, 9], rest)), transpose(widened(b))).data.map(Math.abs))).toBeLessThan(
      1e-6,
    );
  });

  it("gives the same bytes every time, and zeros for a weight of zeros", () => {
    for (const kind of ["pissa", "olora"] as const) {
      const options = { rank: 2, scale: 2 };
      expect(weightFactors(weight, kind, options)).toEqual(weightFactors(weight, kind, options));
      const { data } = productOf(weightFactors(f32([4, 3], new Float32Array(12)), kind, options));
      expect([...data].every((value) => value === 0)).toBe(true);
    }
  });
});

it("finds a layer's weight, which for a tied head is the embedding", () => {
  expect(layerWeightName("layers.1.mlp.up_proj", { tied: true })).toBe("model.layers.1.mlp.up_proj.weight");
  expect(layerWeightName("lm_head", { tied: false })).toBe("lm_head.weight");
  expect(layerWeightName("lm_head", { tied: true })).toBe("model.embed_tokens.weight");
  const stored = f32([2, 3], [1, 2, 3, 4, 5, 6]);
  expect(layerWeight("layers.1.mlp.up_proj", stored)).toBe(stored);
  expect(layerWeight("lm_head", stored)).toEqual(f32([3, 2], [1, 4, 2, 5, 3, 6]));
});
