import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../delta/canonical.ts";
import { scaled, sideBySide, sumDeltas } from "../../delta/sum.ts";
import { biasName, EMBEDDING_PATH, HEAD_PATH } from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { f32, type Tensor, totalElements } from "../../tensor.ts";
import type { BaseAccess } from "../method.ts";
import { type Factors, layerWeight, layerWeightName, type WeightStart, weightFactors } from "./start.ts";
import { factorScale } from "./targets.ts";

export interface LoraLayer extends Factors {
  /** The scale is α/r, or α/√r, with the rank of these factors. */
  readonly alpha: number;
  /** B's own bias [out], scaled like B. */
  readonly bias?: Tensor<"f32">;
}

/** The contents of a LoRA folder. */
export interface LoraAdapter {
  /** The scale is α/√r instead of α/r. */
  readonly rankStabilised: boolean;
  /**
   * By module path, such as `layers.0.self_attn.q_proj`, in order of computation. Includes the embedding, with A [V, r] and
   * B [r, D], and the head.
   */
  readonly layers: ReadonlyMap<string, LoraLayer>;
  /** By module path: the bias [out] that replaces the base's. */
  readonly biases: ReadonlyMap<string, Tensor<"f32">>;
  /** The part of the weight that the factors started as and that was subtracted from it; undefined if it is whole. */
  readonly start?: WeightStart;
}

/**
 * The adapter in its serving form: scales are folded into B, biases become differences from the base's, and the initial
 * factors are subtracted if they were part of the weight. Pairs of factors with a zero factor are omitted.
 */
export async function canonicalLora(adapter: LoraAdapter, base: BaseAccess): Promise<CanonicalDelta> {
  const others = [...(await biasDeltas(adapter, base)), ...(await startDeltas(adapter, base))];
  return sumDeltas([layersDelta(adapter), ...others].map((delta) => ({ delta, weight: 1 })));
}

/** The number of parameters in the adapter, not counting omitted factors. */
export function countLora({ layers, biases }: LoraAdapter): number {
  const ofLayers = [...layers.values()].flatMap(({ a, b, bias }) => [
    ...(isNothing({ a, b }) ? [] : [a, b]),
    ...(bias === undefined ? [] : [bias]),
  ]);
  return totalElements([...ofLayers, ...biases.values()]);
}

/**
 * Turns an adapter for the remainder of the weight into one for the whole weight, s(AB − A₀B₀), as peft's
 * `path_initial_model_for_weight_conversion` does: joins the two pairs of factors, with an α that preserves the scale.
 */
export function withoutStart(layer: LoraLayer, start: Factors, rankStabilised: boolean): LoraLayer {
  const { a, b } = sideBySide([layer, { a: start.a, b: scaled(start.b, -1) }]);
  const growth = a.shape[1]! / layer.a.shape[1]!;
  return { ...layer, a, b, alpha: layer.alpha * (rankStabilised ? Math.sqrt(growth) : growth) };
}

const scaleOf = ({ alpha, a }: LoraLayer, { rankStabilised }: LoraAdapter) =>
  factorScale(alpha, a.shape[1]!, rankStabilised);

function layersDelta(adapter: LoraAdapter): CanonicalDelta {
  const linears = new Map<string, CanonicalModule>();
  let embedding: Factors | undefined;
  for (const [path, layer] of adapter.layers) {
    const { a, b, bias } = layer;
    const scale = scaleOf(layer, adapter);
    const factors = isNothing(layer) ? undefined : { a, b: scaled(b, scale) };
    if (path === EMBEDDING_PATH) embedding = factors;
    else if (factors !== undefined || bias !== undefined) {
      linears.set(path, { ...factors, ...(bias === undefined ? {} : { bias: scaled(bias, scale) }) });
    }
  }
  return { ...NO_DELTA, linears, ...(embedding === undefined ? {} : { embedding }) };
}

async function biasDeltas({ biases }: LoraAdapter, base: BaseAccess): Promise<CanonicalDelta[]> {
  if (biases.size === 0) return [];
  const linears = new Map<string, CanonicalModule>();
  for (const [path, value] of biases) {
    linears.set(path, { bias: difference(value, await base.weight(biasName(path))) });
  }
  return [{ ...NO_DELTA, linears }];
}

async function startDeltas(adapter: LoraAdapter, base: BaseAccess): Promise<CanonicalDelta[]> {
  const linears = new Map<string, CanonicalModule>();
  for (const path of adapter.layers.keys()) {
    const start = await startOfLayer(adapter, path, base);
    if (start !== undefined) linears.set(path, { a: start.a, b: scaled(start.b, -1) });
  }
  const { a, b } = linears.get(HEAD_PATH) ?? {};
  // peft subtracts the part from the tensor that head and embedding share, so the embedding changes too.
  const isShared = base.config.tied && a !== undefined && b !== undefined;
  const embedding = isShared ? { embedding: { a: transposed(b), b: transposed(a) } } : {};
  return linears.size === 0 ? [] : [{ ...NO_DELTA, linears, ...embedding }];
}

/** Factors whose product is the part of the weight that a layer's factors started as, if any. */
export async function startOfLayer(adapter: LoraAdapter, path: string, base: BaseAccess): Promise<Factors | undefined> {
  const layer = adapter.layers.get(path);
  if (layer === undefined || adapter.start === undefined || path === EMBEDDING_PATH) return undefined;
  const scale = scaleOf(layer, adapter);
  const weight = layerWeight(path, await base.weight(layerWeightName(path, base.config)));
  const { a, b } = weightFactors(weight, adapter.start, { rank: layer.a.shape[1]!, scale });
  return { a, b: scaled(b, scale) };
}

/** BitFit's folders have zero factors, which need not be served. */
function isNothing({ a, b }: Factors): boolean {
  return [a, b].some(({ data }) => data.every((value) => value === 0));
}

function difference(value: Tensor<"f32">, from: Tensor<"f32">): Tensor<"f32"> {
  return f32(
    value.shape,
    value.data.map((element, at) => element - from.data[at]!),
  );
}
