/** The deltas of one row as inputs of a perturbation graph, in memory of their own: the arena holds those of a whole batch. */
import type { ModelConfig } from "../../shared/model/config.ts";
import { EMBEDDING_NAMES, HEAD_NAMES, type PassFeatures } from "../../shared/model/perturbation-graph.ts";
import { bottleneckNames } from "../../shared/model/serving-rewrite.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import { COLUMN_KINDS, type ColumnKind, columnSites, WEIGHTED_PART } from "./column-sites.ts";
import { headChanges } from "./host-changes.ts";
import type { RowDeltas } from "./serving-delta.ts";
import { type VectorKind, vectorSites } from "./slot-sizes.ts";

/** What a row with these deltas needs of a graph. */
export function passFeatures(deltas: RowDeltas): PassFeatures {
  const { columns, hasVectors, bottleneckInput, outerLayers } = deltas;
  return {
    layout: "rows",
    factors: columns.factors > 0,
    vectors: hasVectors,
    bottlenecks: bottleneckInput,
    head: outerLayers.some(({ layers }) => layers.head !== undefined),
    embedding: outerLayers.some(({ layers }) => layers.embedding !== undefined),
  };
}

/** By name without a prefix. Inputs that the graph of these features does not have are left out. */
export function passInputs(config: ModelConfig, deltas: RowDeltas, features: PassFeatures): Map<string, Tensor<"f32">> {
  const kinds: readonly ColumnKind[] = COLUMN_KINDS.filter((kind) =>
    kind === "factors" ? features.factors : features.bottlenecks !== "none",
  );
  const vectors: readonly VectorKind[] = [
    ...(features.vectors ? (["layers"] as const) : []),
    ...(features.bottlenecks === "none" ? [] : (["blocks"] as const)),
  ];
  const inputs = new Map<string, Tensor<"f32">>([
    ...kinds.flatMap((kind) => columnInputs(config, deltas, kind)),
    ...vectors.flatMap((kind) => vectorInputs(config, deltas, kind)),
    ...(features.head ? headInputs(config, deltas) : []),
    ...(features.embedding ? embeddingInputs(config, deltas) : []),
  ]);
  if (features.bottlenecks !== "any" && features.bottlenecks !== "none") {
    for (const { path } of columnSites(config, "bottlenecks")) {
      const { fromOutput, fromStream } = bottleneckNames(path);
      inputs.delete(fromOutput);
      inputs.delete(fromStream);
    }
  }
  return inputs;
}

type Named = readonly [name: string, tensor: Tensor<"f32">];

/** The row's columns at every site, side by side with weights folded in; one of zeros where it has none. */
function columnInputs(config: ModelConfig, { terms, siteColumns }: RowDeltas, kind: ColumnKind): Named[] {
  return columnSites(config, kind).flatMap(({ path, parts }) =>
    parts.map(({ input, width }, part): Named => {
      const columns = Math.max(1, siteColumns.get(path) ?? 0);
      const data = new Float32Array(columns * width);
      let at = 0;
      for (const { delta, weight } of terms) {
        const values = delta.sites[kind].get(path)?.parts[part] ?? [];
        const factor = part === WEIGHTED_PART ? weight : 1;
        for (let i = 0; i < values.length; i++) data[at + i] = factor * values[i]!;
        at += values.length;
      }
      return [input, f32(width === 1 ? [1, 1, columns] : [1, columns, width], data)];
    }),
  );
}

function vectorInputs(config: ModelConfig, { nonColumnParts }: RowDeltas, kind: VectorKind): Named[] {
  return vectorSites(config, kind).map(({ input, path, part, width }): Named => {
    const values = nonColumnParts.linears.get(path)?.[part]?.data;
    return [input, f32([1, 1, width], values ?? new Float32Array(width).fill(part === "scale" ? 1 : 0))];
  });
}

/** All changes to the head as one. */
function headInputs({ hiddenSize, vocabSize }: ModelConfig, { outerLayers }: RowDeltas): Named[] {
  const changes = headChanges(outerLayers);
  const scale = new Float32Array(vocabSize).fill(1);
  const bias = new Float32Array(vocabSize);
  for (const { head, weight } of changes) {
    for (let v = 0; v < vocabSize; v++) {
      if (head.scale !== undefined) scale[v]! += weight * (head.scale.data[v]! - 1);
      if (head.bias !== undefined) bias[v]! += weight * head.bias.data[v]!;
    }
  }
  const pairs = changes.flatMap(({ head: { a, b }, weight }) =>
    a === undefined || b === undefined ? [] : [{ a, b, weight }],
  );
  return [
    ...products(HEAD_NAMES, [hiddenSize, vocabSize], pairs),
    [HEAD_NAMES.scale, f32([vocabSize], scale)],
    [HEAD_NAMES.bias, f32([vocabSize], bias)],
  ];
}

function embeddingInputs({ hiddenSize, vocabSize }: ModelConfig, { outerLayers }: RowDeltas): Named[] {
  const pairs = outerLayers.flatMap(({ layers: { embedding }, weight }) =>
    embedding === undefined ? [] : [{ ...embedding, weight }],
  );
  return products(EMBEDDING_NAMES, [vocabSize, hiddenSize], pairs);
}

interface Pair {
  /** [n, r] */
  readonly a: Tensor<"f32">;
  /** [r, m] */
  readonly b: Tensor<"f32">;
  readonly weight: number;
}

/** Σ w AB as one product; of a rank of 1 with zeros where there is none. */
function products(names: { a: string; b: string }, [n, m]: readonly [number, number], pairs: readonly Pair[]): Named[] {
  const rank = Math.max(
    1,
    pairs.reduce((sum, { b }) => sum + b.shape[0]!, 0),
  );
  const left = new Float32Array(n * rank);
  const right = new Float32Array(rank * m);
  let first = 0;
  for (const { a, b, weight } of pairs) {
    const own = b.shape[0]!;
    for (let i = 0; i < n; i++) left.set(a.data.subarray(i * own, (i + 1) * own), i * rank + first);
    for (let i = 0; i < own * m; i++) right[first * m + i] = weight * b.data[i]!;
    first += own;
  }
  return [
    [names.a, f32([n, rank], left)],
    [names.b, f32([rank, m], right)],
  ];
}
