import { columnSizes } from "../../../edge/runtime/column-sites.ts";
import { Decoder } from "../../../edge/runtime/decoder.ts";
import { DeltaArena } from "../../../edge/runtime/delta-arena.ts";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule, type OrtModule } from "../../../edge/runtime/ort-module.ts";
import { allocateTensor, residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { RowVectors } from "../../../edge/runtime/row-vectors.ts";
import { type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { createSession } from "../../../edge/runtime/session.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { canonicalRewrite, prefixTokens, virtualTokens } from "../../../shared/delta/canonical-rewrite.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { encodeOnnx } from "../../../shared/graph/onnx.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { blockPaths, HEAD_PATH, linearModules } from "../../../shared/model/modules.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import type { Weights } from "../../../shared/model/weights.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, i64, type Tensor, tensor } from "../../../shared/tensor.ts";

/** A model large enough to have grouped heads, several layers and some biases. */
export const TINY: ModelConfig = {
  modelType: "qwen2",
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
  attentionBias: true,
};

/** Random weights, and random biases, so that scaling an output differs from scaling a product. */
export const TINY_WEIGHTS: Weights = new Map(
  [...initialWeights(TINY, 7)].map(([name, weight]) => {
    if (!name.endsWith(".bias")) return [name, weight];
    const random = createRandom(7, name);
    return [
      name,
      f32(
        weight.shape,
        weight.data.map(() => 0.2 * random.normal()),
      ),
    ];
  }),
);

export interface TinyOptions {
  readonly config?: ModelConfig;
  readonly slots?: number;
  /** How many ranks the arena has room for. */
  readonly ranks?: number;
  readonly weights?: Weights;
}

export async function tinyParts({ config = TINY, slots = 6, ranks = 64, weights = TINY_WEIGHTS }: TinyOptions = {}) {
  const ort = await loadOrtModule();
  const slab = new KvSlab(ort, config, { slots, capacity: 64 });
  const arena = new DeltaArena(ort, config, { slots, floats: ranks * columnSizes(config).factors });
  const vectors = new RowVectors(ort, config, slots);
  const decoder = new Decoder(ort, config, { slab, arena, vectors }, { chunk: 16 });
  return { ort, weights: new WeightSet(ort, weights), slab, arena, vectors, decoder };
}

/** All the parts a delta can have. */
export const PARTS = ["factors", "scales", "biases", "bottlenecks", "head", "embedding", "prompt", "prefix"] as const;
export type Part = (typeof PARTS)[number];

interface Sizes {
  readonly config?: ModelConfig;
  readonly rank?: number;
  readonly columns?: number;
  readonly positions?: number;
  /** Standard deviation of the random changes. */
  readonly size?: number;
}

/** Random values in the given parts, on two thirds of the layers. */
export function randomDelta(key: string, parts: readonly Part[], sizes: Sizes = {}): CanonicalDelta {
  const { config = TINY, rank = 4, columns = 5, positions = 3, size = 0.3 } = sizes;
  const has = (part: Part) => parts.includes(part);
  const draw = (name: string, shape: readonly number[], around = 0): Tensor<"f32"> => {
    const random = createRandom(11, key, name);
    const length = shape.reduce((product, dim) => product * dim, 1);
    const bounded = () => Math.max(-3e38, Math.min(3e38, around + size * random.normal()));
    return f32(shape, Float32Array.from({ length }, bounded));
  };
  const flags = (name: string) => {
    const random = createRandom(11, key, name);
    return f32(
      [columns],
      Array.from({ length: columns }, () => (random.float() < 0.6 ? 1 : 0)),
    );
  };
  const module = (path: string, inSize: number, out: number) => ({
    ...(has(path === HEAD_PATH ? "head" : "factors")
      ? { a: draw(`${path} A`, [inSize, rank]), b: draw(`${path} B`, [rank, out]) }
      : {}),
    ...(has(path === HEAD_PATH ? "head" : "scales") ? { scale: draw(`${path} s`, [out], 1) } : {}),
    ...(has(path === HEAD_PATH ? "head" : "biases") ? { bias: draw(`${path} b`, [out]) } : {}),
  });
  const D = config.hiddenSize;
  const linears = linearModules(config)
    .filter((_, i) => (i + key.length) % 3 !== 0)
    .map(({ path, in: inSize, out }) => [path, module(path, inSize, out)] as const);
  const head = [HEAD_PATH, module(HEAD_PATH, D, config.vocabSize)] as const;
  const bottlenecks = blockPaths(config)
    .filter((_, i) => (i + key.length) % 3 !== 0)
    .map((path) => {
      const vectors = { downBias: draw(`${path} c`, [columns]), upBias: draw(`${path} u`, [D]) };
      const [fromOutput, fromStream, silu] = ["output", "stream", "silu"].map((name) => flags(`${path} ${name}`));
      const matrices = { down: draw(`${path} down`, [D, columns]), up: draw(`${path} up`, [columns, D]) };
      return [
        path,
        { ...matrices, ...vectors, fromOutput: fromOutput!, fromStream: fromStream!, silu: silu! },
      ] as const;
    });
  const rows = (name: string) => draw(name, [positions, config.kvHeads * config.headDim]);
  return {
    ...NO_DELTA,
    linears: new Map([...linears, ...(has("head") ? [head] : [])]),
    bottlenecks: new Map(has("bottlenecks") ? bottlenecks : []),
    ...(has("embedding")
      ? { embedding: { a: draw("embedding A", [config.vocabSize, rank]), b: draw("embedding B", [rank, D]) } }
      : {}),
    ...(has("prompt") ? { prompt: draw("prompt", [positions, D]) } : {}),
    ...(has("prefix")
      ? {
          prefix: Array.from({ length: config.layers }, (_, i) => ({
            key: rows(`key ${i}`),
            value: rows(`value ${i}`),
          })),
        }
      : {}),
  };
}

/** A row with one delta with that key. */
export function rowOf(key: string, delta: CanonicalDelta, weight = 1): RowDeltas {
  return rowDeltas([{ delta: servingDelta(key, delta), weight }]);
}

/**
 * The logits [T, V] of a text, from the training graph with the delta as constants: the oracle for every way of serving it.
 */
export function oracleLogits(
  ort: OrtModule,
  weights: WeightSet,
  { delta, tokens: text, config = TINY }: { delta: CanonicalDelta; tokens: readonly number[]; config?: ModelConfig },
): Float32Array {
  const virtual = virtualTokens(delta);
  const length = virtual + text.length;
  const b = new GraphBuilder("oracle");
  const { logits } = trainingForward(
    b,
    config,
    { rows: 1, tokens: length },
    { rewrite: (positions) => canonicalRewrite(b, config, delta, positions), prefixTokens: prefixTokens(delta) },
  );
  const session = createSession(ort, encodeOnnx(b.build({ logits })), { name: "oracle" });
  const feeds = {
    tokens: residentCopy(ort, i64([1, length], [...new Array<number>(virtual).fill(0), ...text])),
    positions: residentCopy(ort, i64([1, length], [...Array.from({ length }).keys()])),
    segments: residentCopy(ort, tensor("i32", [1, length], new Int32Array(length))),
  };
  const result = allocateTensor(ort, "f32", [1, length, config.vocabSize]);
  session.run({ ...weights.tensors, ...feeds }, { logits: result });
  const all = result.view().slice(virtual * config.vocabSize);
  session.dispose();
  for (const each of [...Object.values(feeds), result]) each.dispose();
  return all;
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}
