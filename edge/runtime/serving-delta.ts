import type { CanonicalBottleneck, CanonicalDelta, CanonicalModule } from "../../shared/delta/canonical.ts";
import { NO_DELTA } from "../../shared/delta/canonical.ts";
import { prefixTokens, virtualTokens } from "../../shared/delta/canonical-rewrite.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { HEAD_PATH } from "../../shared/model/modules.ts";
import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import { transposed } from "../../shared/model/weights.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import { type ColumnKind, type Columns, NO_COLUMNS } from "./column-sites.ts";

/** A delta as the runtime takes it. */
export interface ServingDelta {
  /** Names the delta and its owner; two equal keys are the same delta. */
  readonly key: string;
  /** The most columns of each kind that it has in one site. */
  readonly columns: Columns;
  /** By path of the layer or block. */
  readonly sites: Readonly<Record<ColumnKind, ReadonlyMap<string, SiteColumns>>>;
  /** What all columns of its bottlenecks take in; `any` where they differ. */
  readonly intake: Intake;
  /** Whether linear layers below the head have scales or biases. */
  readonly hasVectors: boolean;
  readonly ends: Ends;
  /** What else is no column: scales, biases (a block's own under the block's path), prompt and prefix. */
  readonly rest: CanonicalDelta;
}

/** What the host changes at the two ends of the model. */
export interface Ends {
  readonly head?: CanonicalModule;
  readonly embedding?: NonNullable<CanonicalDelta["embedding"]>;
}

export type Intake = ServingFeatures["bottlenecks"];

/** A delta's columns in one site. */
export interface SiteColumns {
  readonly count: number;
  /** As `ColumnSite.parts`, each one column after the other. */
  readonly parts: readonly Float32Array[];
}

/** All deltas of one row together. */
export interface RowDeltas {
  /** Those with columns. No weight is 0. */
  readonly terms: readonly { readonly delta: ServingDelta; readonly weight: number }[];
  /** The terms' columns side by side: how many the widest site may have, and by path how many each has. */
  readonly columns: Columns;
  readonly siteColumns: ReadonlyMap<string, number>;
  readonly intake: Intake;
  /** Not as a sum: factors of a whole vocabulary are large, and a sum would be the row's own. */
  readonly ends: readonly { readonly ends: Ends; readonly weight: number }[];
  /** The sum of what else is no column. */
  readonly rest: CanonicalDelta;
  /** Whether linear layers below the head have scales or biases. */
  readonly hasVectors: boolean;
  /** Positions at the beginning of the row's cache that are filled from the prefix. */
  readonly prefixTokens: number;
  /** Positions after those, with the prompt's embeddings in place of tokens. */
  readonly virtualTokens: number;
}

/** The bare base. */
export const BARE: RowDeltas = {
  terms: [],
  columns: NO_COLUMNS,
  siteColumns: new Map(),
  intake: "none",
  ends: [],
  rest: NO_DELTA,
  hasVectors: false,
  prefixTokens: 0,
  virtualTokens: 0,
};

/**
 * Columns are turned so that each is one stretch of memory; everything else is kept as it is. All numbers are copied, so that
 * the file that they are views of need not stay.
 */
export function servingDelta(key: string, { embedding, ...delta }: CanonicalDelta): ServingDelta {
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
    intake: sameIntake([...delta.bottlenecks.values()].map(intakeOf)),
    hasVectors,
    ends: {
      ...(head === undefined ? {} : { head }),
      ...(embedding === undefined ? {} : { embedding: copied(embedding) }),
    },
    rest: {
      linears,
      bottlenecks: new Map(),
      ...(delta.prompt === undefined ? {} : { prompt: copy(delta.prompt) }),
      ...(delta.prefix === undefined ? {} : { prefix: delta.prefix.map(copied) }),
    },
  };
}

/** With tensors of its own. */
function copied<T extends { readonly [part in keyof T]: Tensor<"f32"> | undefined }>(parts: T): T {
  const own = Object.entries<Tensor<"f32"> | undefined>(parts).map(([name, tensor]) => [name, tensor && copy(tensor)]);
  return Object.fromEntries(own) as T;
}

const copy = ({ shape, data }: Tensor<"f32">): Tensor<"f32"> => f32(shape, data.slice());

function bottleneckParts({ down, up, downBias, fromOutput, fromStream, silu }: CanonicalBottleneck): Float32Array[] {
  return [transposed(down).data, ...[up, downBias, fromOutput, fromStream, silu].map(({ data }) => data.slice())];
}

function intakeOf({ fromOutput, fromStream }: CanonicalBottleneck): Intake {
  const all = (output: number, stream: number) =>
    fromOutput.data.every((flag) => flag === output) && fromStream.data.every((flag) => flag === stream);
  return all(1, 0) ? "output" : all(0, 1) ? "stream" : "any";
}

/** What a graph has to offer for all of these. */
export function sameIntake(intakes: readonly Intake[]): Intake {
  const [first = "none", second] = new Set(intakes.filter((intake) => intake !== "none"));
  return second === undefined ? first : "any";
}

/**
 * What a row computes that asks for these deltas; one of weight 0 is as if it had not been named. Throws `invalid_delta` as
 * `sumDeltas` does.
 */
export function rowDeltas(asked: readonly { readonly delta: ServingDelta; readonly weight: number }[]): RowDeltas {
  const named = asked.filter(({ weight }) => weight !== 0);
  if (named.length === 0) return BARE;
  const total = (kind: ColumnKind) => named.reduce((sum, { delta }) => sum + delta.columns[kind], 0);
  const siteColumns = new Map<string, number>();
  for (const { delta } of named) {
    for (const [path, { count }] of [...delta.sites.factors, ...delta.sites.bottlenecks]) {
      siteColumns.set(path, (siteColumns.get(path) ?? 0) + count);
    }
  }
  const rest = sumDeltas(named.map(({ delta, weight }) => ({ delta: delta.rest, weight })));
  return {
    terms: named.filter(({ delta }) => delta.columns.factors + delta.columns.bottlenecks > 0),
    columns: { factors: total("factors"), bottlenecks: total("bottlenecks") },
    siteColumns,
    intake: sameIntake(named.map(({ delta }) => delta.intake)),
    ends: named
      .filter(({ delta: { ends } }) => ends.head !== undefined || ends.embedding !== undefined)
      .map(({ delta: { ends }, weight }) => ({ ends, weight })),
    rest,
    hasVectors: named.some(({ delta }) => delta.hasVectors),
    prefixTokens: prefixTokens(rest),
    virtualTokens: virtualTokens(rest),
  };
}
