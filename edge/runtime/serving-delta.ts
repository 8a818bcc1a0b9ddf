import type { CanonicalBottleneck, CanonicalDelta, CanonicalModule } from "../../shared/delta/canonical.ts";
import { NO_DELTA } from "../../shared/delta/canonical.ts";
import { prefixTokens, virtualTokens } from "../../shared/delta/canonical-rewrite.ts";
import type { Scorer } from "../../shared/delta/scorer.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { HEAD_PATH } from "../../shared/model/modules.ts";
import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import { transposed } from "../../shared/model/weights.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import { type ColumnKind, type Columns, NO_COLUMNS } from "./column-sites.ts";

/** A delta in the form the runtime serves. */
export interface ServingDelta {
  /** Identifies the delta and its owner; equal keys mean the same delta. */
  readonly key: string;
  /** The most columns of each kind that it has at one site. */
  readonly columns: Columns;
  /** By the path of the layer or block. */
  readonly sites: Readonly<Record<ColumnKind, ReadonlyMap<string, SiteColumns>>>;
  /** What all its bottleneck columns read; `any` if they differ. */
  readonly bottleneckInput: BottleneckInput;
  /** Whether linear layers below the head have scales or biases. */
  readonly hasVectors: boolean;
  readonly outerLayers: OuterLayers;
  /** The parts not made of columns: scales, biases (a block's up bias under the block's path), prompt and prefix. */
  readonly nonColumnParts: CanonicalDelta;
  /** Of a classifier or a reward model: the host reads it, and no row's own distribution depends on it. */
  readonly scorer?: Scorer;
}

/** Changes to the head and the embedding, which the host applies. */
export interface OuterLayers {
  readonly head?: CanonicalModule;
  readonly embedding?: NonNullable<CanonicalDelta["embedding"]>;
}

export type BottleneckInput = ServingFeatures["bottlenecks"];

/** A delta's columns at one site. */
export interface SiteColumns {
  readonly count: number;
  /** As `ColumnSite.parts`, each with one column after the other. */
  readonly parts: readonly Float32Array[];
}

/** All deltas of one row, combined. */
export interface RowDeltas {
  /** The deltas with columns. No weight is 0. */
  readonly terms: readonly { readonly delta: ServingDelta; readonly weight: number }[];
  /** The terms' columns side by side: an upper bound for the widest site, then the count at each path. */
  readonly columns: Columns;
  readonly siteColumns: ReadonlyMap<string, number>;
  readonly bottleneckInput: BottleneckInput;
  /** Kept apart rather than summed: a sum would copy factors of a whole vocabulary for each row. */
  readonly outerLayers: readonly { readonly layers: OuterLayers; readonly weight: number }[];
  /** The weighted sum of the parts not made of columns. */
  readonly nonColumnParts: CanonicalDelta;
  /** Whether linear layers below the head have scales or biases. */
  readonly hasVectors: boolean;
  /** Positions at the start of the row's cache that hold the prefix. */
  readonly prefixTokens: number;
  /** Positions after the prefix that hold the prompt's embeddings rather than tokens. */
  readonly virtualTokens: number;
}

/** The bare base. */
export const BARE: RowDeltas = {
  terms: [],
  columns: NO_COLUMNS,
  siteColumns: new Map(),
  bottleneckInput: "none",
  outerLayers: [],
  nonColumnParts: NO_DELTA,
  hasVectors: false,
  prefixTokens: 0,
  virtualTokens: 0,
};

/**
 * Converts a delta for serving. Matrices are transposed where needed to make each column contiguous. All data is copied, so the
 * file it came from can be freed.
 */
export function servingDelta(key: string, { embedding, scorer, ...delta }: CanonicalDelta): ServingDelta {
  const factors = new Map<string, SiteColumns>();
  const bottlenecks = new Map<string, SiteColumns>();
  const linears = new Map<string, CanonicalModule>();
  let [rank, columns, hasVectors] = [0, 0, false];
  let head: CanonicalModule | undefined;
  for (const [path, module] of delta.linears) {
    if (path === HEAD_PATH) {
      head = copied(module);
      continue;
    }
    const { a, b, ...vectors } = module;
    if (a !== undefined && b !== undefined) {
      factors.set(path, { count: b.shape[0]!, parts: [transposed(a).data, b.data.slice()] });
      rank = Math.max(rank, b.shape[0]!);
    }
    if (vectors.scale === undefined && vectors.bias === undefined) continue;
    linears.set(path, copied(vectors));
    hasVectors = true;
  }
  for (const [path, bottleneck] of delta.bottlenecks) {
    const count = bottleneck.up.shape[0]!;
    bottlenecks.set(path, { count, parts: bottleneckParts(bottleneck) });
    linears.set(path, copied({ bias: bottleneck.upBias }));
    columns = Math.max(columns, count);
  }
  return {
    key,
    columns: { factors: rank, bottlenecks: columns },
    sites: { factors, bottlenecks },
    bottleneckInput: commonInput([...delta.bottlenecks.values()].map(inputOf)),
    hasVectors,
    outerLayers: {
      ...(head === undefined ? {} : { head }),
      ...(embedding === undefined ? {} : { embedding: copied(embedding) }),
    },
    nonColumnParts: {
      linears,
      bottlenecks: new Map(),
      ...(delta.prompt === undefined ? {} : { prompt: copy(delta.prompt) }),
      ...(delta.prefix === undefined ? {} : { prefix: delta.prefix.map(copied) }),
    },
    ...(scorer === undefined ? {} : { scorer: copiedScorer(scorer) }),
  };
}

/** The same parts with copied tensors. */
function copied<T extends { readonly [part in keyof T]: Tensor<"f32"> | undefined }>(parts: T): T {
  const own = Object.entries<Tensor<"f32"> | undefined>(parts).map(([name, tensor]) => [name, tensor && copy(tensor)]);
  return Object.fromEntries(own) as T;
}

function copiedScorer({ weight, bias, tokens, seen, about }: Scorer): Scorer {
  return {
    ...copied({ weight, bias }),
    ...(tokens === undefined ? {} : { tokens: copied(tokens) }),
    ...(seen === undefined ? {} : { seen: copied(seen) }),
    about,
  };
}

const copy = ({ shape, data }: Tensor<"f32">): Tensor<"f32"> => f32(shape, data.slice());

function bottleneckParts({ down, up, downBias, fromOutput, fromStream, silu }: CanonicalBottleneck): Float32Array[] {
  return [transposed(down).data, ...[up, downBias, fromOutput, fromStream, silu].map(({ data }) => data.slice())];
}

function inputOf({ fromOutput, fromStream }: CanonicalBottleneck): BottleneckInput {
  const all = (output: number, stream: number) =>
    fromOutput.data.every((flag) => flag === output) && fromStream.data.every((flag) => flag === stream);
  return all(1, 0) ? "output" : all(0, 1) ? "stream" : "any";
}

/** The input that a graph must offer to serve all of these. */
export function commonInput(inputs: readonly BottleneckInput[]): BottleneckInput {
  const [first = "none", second] = new Set(inputs.filter((input) => input !== "none"));
  return second === undefined ? first : "any";
}

/**
 * Combines the deltas of one row; ignores those of weight 0. Throws `invalid_delta` as `sumDeltas` does.
 */
export function rowDeltas(requested: readonly { readonly delta: ServingDelta; readonly weight: number }[]): RowDeltas {
  const active = requested.filter(({ weight }) => weight !== 0);
  if (active.length === 0) return BARE;
  const total = (kind: ColumnKind) => active.reduce((sum, { delta }) => sum + delta.columns[kind], 0);
  const siteColumns = new Map<string, number>();
  for (const { delta } of active) {
    for (const [path, { count }] of [...delta.sites.factors, ...delta.sites.bottlenecks]) {
      siteColumns.set(path, (siteColumns.get(path) ?? 0) + count);
    }
  }
  const nonColumnParts = sumDeltas(active.map(({ delta, weight }) => ({ delta: delta.nonColumnParts, weight })));
  return {
    terms: active.filter(({ delta }) => delta.columns.factors + delta.columns.bottlenecks > 0),
    columns: { factors: total("factors"), bottlenecks: total("bottlenecks") },
    siteColumns,
    bottleneckInput: commonInput(active.map(({ delta }) => delta.bottleneckInput)),
    outerLayers: active
      .filter(({ delta: { outerLayers } }) => outerLayers.head !== undefined || outerLayers.embedding !== undefined)
      .map(({ delta: { outerLayers }, weight }) => ({ layers: outerLayers, weight })),
    nonColumnParts,
    hasVectors: active.some(({ delta }) => delta.hasVectors),
    prefixTokens: prefixTokens(nonColumnParts),
    virtualTokens: virtualTokens(nonColumnParts),
  };
}
