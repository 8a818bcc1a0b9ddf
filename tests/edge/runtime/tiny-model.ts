import { Decoder } from "../../../edge/runtime/decoder.ts";
import { type BankDelta, DeltaBank } from "../../../edge/runtime/delta-bank.ts";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { linearModules, weightName } from "../../../shared/model/modules.ts";
import type { Weights } from "../../../shared/model/weights.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";

/** A model of random weights, large enough to have grouped heads and several layers. */
export const TINY: ModelConfig = {
  modelType: "llama",
  vocabSize: 64,
  hiddenSize: 32,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  ffnSize: 48,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 64,
  tied: false,
  attentionBias: false,
};

export const TINY_WEIGHTS = initialWeights(TINY, 7);

export async function tinyParts(options: { slots?: number; bankRank?: number; weights?: Weights } = {}) {
  const ort = await loadOrtModule();
  const weights = new WeightSet(ort, options.weights ?? TINY_WEIGHTS);
  const slab = new KvSlab(ort, TINY, { slots: options.slots ?? 6, capacity: 64 });
  const bank = new DeltaBank(ort, TINY, options.bankRank ?? 16);
  return { ort, weights, slab, bank, decoder: new Decoder(ort, TINY, slab, bank, { chunk: 16 }) };
}

/** A delta of random factors on the given share of the layers; `size` scales them. */
export function randomDelta(key: string, rank: number, size = 0.3): BankDelta {
  const factors = linearModules(TINY)
    .filter((_, i) => (i + key.length) % 3 !== 0)
    .map(({ path, in: inSize, out }) => {
      const random = createRandom(11, key, path);
      const draw = (length: number) =>
        Float32Array.from({ length }, () => Math.max(-3e38, Math.min(3e38, size * random.normal())));
      return [path, { a: draw(rank * inSize), b: draw(rank * out) }] as const;
    });
  return { key, rank, factors: new Map(factors) };
}

/** W + Σ weight · AᵀB on every layer: what the bank computes without ever forming it. */
export function mergedWeights(deltas: readonly { readonly delta: BankDelta; readonly weight: number }[]): Weights {
  const merged = new Map(TINY_WEIGHTS);
  for (const { path, in: inSize, out } of linearModules(TINY)) {
    const data = merged.get(weightName(path))!.data.slice();
    for (const { delta, weight } of deltas) {
      const factors = delta.factors.get(path);
      if (factors === undefined) continue;
      for (let r = 0; r < delta.rank; r++) {
        for (let i = 0; i < inSize; i++) {
          for (let o = 0; o < out; o++)
            data[i * out + o]! += weight * factors.a[r * inSize + i]! * factors.b[r * out + o]!;
        }
      }
    }
    merged.set(weightName(path), f32([inSize, out], data));
  }
  return merged;
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}
