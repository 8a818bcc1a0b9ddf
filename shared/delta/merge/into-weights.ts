import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import {
  adaptableModules,
  biasName,
  EMBEDDING,
  HEAD,
  HEAD_PATH,
  linearModules,
  weightName,
} from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { f32, type Tensor } from "../../tensor.ts";
import type { CanonicalDelta, CanonicalModule } from "../canonical.ts";

/** A model with a delta folded into its weights, computed weight by weight. */
export interface MergedModel {
  /** The base's config, but untied if the delta changes a tied head or embedding. */
  readonly config: ModelConfig;
  /** The name of the base's weight that a merged weight is made from. */
  source(name: string): string;
  /** Merges the base's weight `source`, in the layout of `weightSpecs`; returns the same object if nothing changes. */
  weight(name: string, source: Tensor<"f32">): Tensor<"f32">;
}

/**
 * Folds a delta into the weights of its base, W' = W diag(s) + AB and β' = β + b, so that the merged model computes the same
 * as the base with the delta. Weights are computed on demand.
 *
 * Throws `invalid_request`, naming a part that cannot be folded into weights: a bias on a layer without one, bottleneck
 * adapters, virtual tokens, a prefix, a scorer.
 */
export function mergeIntoWeights(config: ModelConfig, delta: CanonicalDelta): MergedModel {
  requireMergeable(config, delta);
  const modules = new Map(adaptableModules(config).map(({ path }) => [weightName(path), delta.linears.get(path)]));
  const biases = new Map(linearModules(config).map(({ path }) => [biasName(path), delta.linears.get(path)?.bias]));
  const untied = config.tied && (delta.embedding !== undefined || delta.linears.has(HEAD_PATH));
  return {
    config: untied ? { ...config, tied: false } : config,
    source: (name) => (name === HEAD && config.tied ? EMBEDDING : name),
    weight(name, source) {
      if (name === EMBEDDING) return delta.embedding === undefined ? source : merged(source, delta.embedding);
      const bias = biases.get(name);
      if (bias !== undefined) {
        return f32(
          source.shape,
          source.data.map((value, index) => value + bias.data[index]!),
        );
      }
      const module = modules.get(name);
      if (module?.a === undefined && module?.scale === undefined) return source;
      // The head's weight is [out, in], like the embedding.
      return name === HEAD ? transposed(merged(transposed(source), module)) : merged(source, module);
    },
  };
}

/** W diag(s) + AB for W [in, out], computed in double precision. */
function merged({ shape, data }: Tensor<"f32">, { a, b, scale }: CanonicalModule): Tensor<"f32"> {
  const [rows, columns] = shape as readonly [number, number];
  const result = new Float32Array(data.length);
  const rank = a?.shape[1] ?? 0;
  const sum = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    for (let column = 0; column < columns; column++) {
      sum[column] = data[start + column]! * (scale?.data[column] ?? 1);
    }
    for (let inner = 0; inner < rank; inner++) {
      const factor = a!.data[row * rank + inner]!;
      for (let column = 0; column < columns; column++) sum[column]! += factor * b!.data[inner * columns + column]!;
    }
    result.set(sum, start);
  }
  return f32(shape, result);
}

function requireMergeable(config: ModelConfig, delta: CanonicalDelta): void {
  const { linears, bottlenecks, prompt, prefix, scorer } = delta;
  const refuse = (part: string) =>
    new TrimtabError(
      "invalid_request",
      `the delta has ${part}, which cannot be merged into the base's weights; serve it as a delta`,
    );
  for (const { path, bias } of adaptableModules(config)) {
    if (linears.get(path)?.bias !== undefined && !bias) throw refuse(`a bias for ${path}, a layer without biases`);
  }
  if (bottlenecks.size > 0) throw refuse("bottleneck adapters");
  if (prompt !== undefined) throw refuse("virtual tokens (prompt tuning)");
  if (prefix !== undefined) throw refuse("a prefix");
  if (scorer !== undefined) throw refuse("a scorer (of a classifier or a reward model)");
}
