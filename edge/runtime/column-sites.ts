import type { ModelConfig } from "../../shared/model/config.ts";
import { blockPaths, linearModules } from "../../shared/model/modules.ts";
import { bottleneckNames, factorNames } from "../../shared/model/serving-rewrite.ts";

/**
 * Two kinds of change consist of columns: the ranks of a linear layer's low-rank factors, and the columns of a block's
 * bottlenecks. Both are summed over columns, so columns of any number of deltas lie side by side and are stored alike.
 */
export type ColumnKind = "factors" | "bottlenecks";
export const COLUMN_KINDS = ["factors", "bottlenecks"] as const satisfies readonly ColumnKind[];

/** Column count of each kind. */
export type Columns = Readonly<Record<ColumnKind, number>>;
export const NO_COLUMNS: Columns = { factors: 0, bottlenecks: 0 };

/** A place in the model that takes columns. */
export interface ColumnSite {
  /** Path of the layer or block; unique across both kinds. */
  readonly path: string;
  /** The parts of a column: the graph input that each feeds, and its width in floats. */
  readonly parts: readonly { readonly input: string; readonly width: number }[];
}

/** Index of the part that a delta's weight multiplies: B for factors, `up` for bottlenecks. */
export const WEIGHTED_PART = 1;

/** Every layer or block that takes columns of that kind. Excludes the head, which the host computes outside the graph. */
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

/** Floats per column in a site. */
export function siteSize({ parts }: ColumnSite): number {
  return parts.reduce((sum, { width }) => sum + width, 0);
}

/** Floats per column of each kind, summed over all sites. */
export function columnSizes(config: ModelConfig): Columns {
  const [factors, bottlenecks] = COLUMN_KINDS.map((kind) =>
    columnSites(config, kind).reduce((sum, site) => sum + siteSize(site), 0),
  ) as [number, number];
  return { factors, bottlenecks };
}
