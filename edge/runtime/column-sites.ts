import type { ModelConfig } from "../../shared/model/config.ts";
import { blockPaths, linearModules } from "../../shared/model/modules.ts";
import { bottleneckNames, factorNames } from "../../shared/model/serving-rewrite.ts";

/**
 * Two kinds of changes are made of columns that lie side by side, and of any number of deltas: the ranks of a linear layer's
 * factors, and the columns of a block's bottlenecks. Sums over columns do not care whose they are, so both are stored and
 * shared alike.
 */
export type ColumnKind = "factors" | "bottlenecks";
export const COLUMN_KINDS = ["factors", "bottlenecks"] as const satisfies readonly ColumnKind[];

/** How many columns, of each kind. */
export type Columns = Readonly<Record<ColumnKind, number>>;
export const NO_COLUMNS: Columns = { factors: 0, bottlenecks: 0 };

/** A place in the model that takes columns. */
export interface ColumnSite {
  /** Of the layer or block; no two sites of either kind share one. */
  readonly path: string;
  /** What a column consists of: the graph's inputs, and how many numbers of each. */
  readonly parts: readonly { readonly input: string; readonly width: number }[];
}

/** The part that a delta's weight multiplies: B of factors, `up` of bottlenecks. */
export const WEIGHTED_PART = 1;

/** Every layer and block that takes columns of that kind. The head is computed outside the graph and is not among them. */
export function columnSites(config: ModelConfig, kind: ColumnKind): ColumnSite[] {
  if (kind === "factors") {
    return linearModules(config).map(({ path, in: inSize, out }) => {
      const { a, b } = factorNames(path);
      const parts = [
        { input: a, width: inSize },
        { input: b, width: out },
      ];
      return { path, parts };
    });
  }
  return blockPaths(config).map((path) => {
    const { down, up, downBias, fromOutput, fromStream, silu } = bottleneckNames(path);
    const wide = [down, up].map((input) => ({ input, width: config.hiddenSize }));
    return {
      path,
      parts: [...wide, ...[downBias, fromOutput, fromStream, silu].map((input) => ({ input, width: 1 }))],
    };
  });
}

/** Numbers that one column takes in a site. */
export function siteSize({ parts }: ColumnSite): number {
  return parts.reduce((sum, { width }) => sum + width, 0);
}

/** Numbers that one column takes over all of its sites. */
export function columnSizes(config: ModelConfig): Columns {
  const [factors, bottlenecks] = COLUMN_KINDS.map((kind) =>
    columnSites(config, kind).reduce((sum, site) => sum + siteSize(site), 0),
  ) as [number, number];
  return { factors, bottlenecks };
}
