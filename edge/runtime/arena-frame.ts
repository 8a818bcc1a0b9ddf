import type { ModelConfig } from "../../shared/model/config.ts";
import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import { COLUMN_KINDS, type ColumnKind, type Columns, columnSites, columnSizes, siteSize } from "./column-sites.ts";
import type { RowDeltas, ServingDelta } from "./serving-delta.ts";

export type Layout = ServingFeatures["layout"];

/** How the arena is divided. */
export type ArenaFrame = BankFrame | RowsFrame;

export interface BankFrame {
  readonly layout: "bank";
  /** Columns of each kind that every site has room for. */
  readonly capacity: Columns;
}

export interface RowsFrame {
  readonly layout: "rows";
  /** By path, the columns of each row's block in a site; 0 where a path is missing. */
  readonly strides: ReadonlyMap<string, number>;
  /** Rows that there is room for. */
  readonly rows: number;
}

export const EMPTY_FRAME: ArenaFrame = { layout: "bank", capacity: { factors: 0, bottlenecks: 0 } };

/** What a batch asks for. */
export interface ArenaDemand {
  readonly rows: number;
  /** Columns of all deltas in the batch, each delta once. */
  readonly shared: Columns;
  /** By path, the most columns that one row has in a site. */
  readonly strides: ReadonlyMap<string, number>;
}

export interface ArenaSize {
  /** Numbers in all. */
  readonly numbers: number;
  /** Numbers of one column over all sites. */
  readonly perColumn: Columns;
  /** Numbers of one column in the site of that path. */
  readonly perSite: ReadonlyMap<string, number>;
  /**
   * What a number costs that a row multiplies with alone, as a multiple of one that a batch of so many rows shares: a row by a
   * matrix in place of a matrix by a matrix.
   */
  readonly ownCost: (rows: number) => number;
}

/**
 * As `npm run bench -- serving` measures it on the embedded base: both layouts cost the same with 2.7 different deltas of rank
 * 8 among 4 rows, 3 among 8 and 5 among 16.
 */
export const measuredOwnCost = (rows: number): number => 2 + rows / 6;
/** How much cheaper the other layout must be: changing costs a copy of every delta in use. */
const WORTH_CHANGING = 0.8;

export function arenaSize(config: ModelConfig, numbers: number, ownCost = measuredOwnCost): ArenaSize {
  const sites = COLUMN_KINDS.flatMap((kind) => columnSites(config, kind));
  const perSite = new Map(sites.map((site) => [site.path, siteSize(site)]));
  return { numbers, perColumn: columnSizes(config), perSite, ownCost };
}

export function arenaDemand(rows: readonly RowDeltas[]): ArenaDemand {
  const deltas = distinctDeltas(rows);
  const shared = (kind: ColumnKind) => deltas.reduce((sum, delta) => sum + delta.columns[kind], 0);
  const strides = new Map<string, number>();
  for (const { siteColumns } of rows) {
    for (const [path, count] of siteColumns) strides.set(path, Math.max(count, strides.get(path) ?? 0));
  }
  return {
    rows: rows.length,
    shared: { factors: shared("factors"), bottlenecks: shared("bottlenecks") },
    strides,
  };
}

/** The deltas with columns of all rows, each once, in the order in which they first occur. */
export function distinctDeltas(rows: readonly RowDeltas[]): ServingDelta[] {
  return [...new Map(rows.flatMap(({ terms }) => terms.map(({ delta }) => [delta.key, delta]))).values()];
}

/** Whether the batch can be served at all, in one layout or the other. */
export function fitsArena(demand: ArenaDemand, size: ArenaSize): boolean {
  return Math.min(...Object.values(layoutCosts(demand, size))) < Number.POSITIVE_INFINITY;
}

/**
 * The frame for a batch that fits: `current` where that will do. Every active column of the bank is computed for every row, in
 * every site; blocks of the rows' own cost each row the largest one of each site, and more per number.
 */
export function frameFor(demand: ArenaDemand, size: ArenaSize, current: ArenaFrame): ArenaFrame {
  const cost = layoutCosts(demand, size);
  const { layout } = current;
  const other = layout === "bank" ? "rows" : "bank";
  const chosen = cost[other] < WORTH_CHANGING * cost[layout] ? other : layout;
  if (chosen === layout && stillGood(demand, size, current)) return current;
  if (chosen === "bank") return { layout: "bank", capacity: spread(demand.shared, size) };
  const block = blockNumbers(demand.strides, size);
  return {
    layout: "rows",
    strides: demand.strides,
    rows: block === 0 ? demand.rows : Math.floor(size.numbers / block),
  };
}

/** Numbers that one row is multiplied with, weighted; infinite where they do not fit. */
function layoutCosts({ rows, shared, strides }: ArenaDemand, size: ArenaSize): Readonly<Record<Layout, number>> {
  const [bank, block] = [bankNumbers(shared, size), blockNumbers(strides, size)];
  const within = (numbers: number, cost: number) => (numbers <= size.numbers ? cost : Number.POSITIVE_INFINITY);
  return { bank: within(bank, bank), rows: within(rows * block, size.ownCost(rows) * block) };
}

function stillGood({ rows, shared, strides }: ArenaDemand, size: ArenaSize, frame: ArenaFrame): boolean {
  if (frame.layout === "bank") return COLUMN_KINDS.every((kind) => shared[kind] <= frame.capacity[kind]);
  const isWideEnough = [...strides].every(([path, count]) => count <= (frame.strides.get(path) ?? 0));
  // Blocks more than twice as large as any row needs are waste at every step.
  const isWasteful = blockNumbers(frame.strides, size) > 2 * blockNumbers(strides, size);
  return isWideEnough && !isWasteful && rows <= frame.rows;
}

/** Room for what is needed, and the rest of the arena in proportion to it, so that the next delta changes nothing. */
function spread(needed: Columns, size: ArenaSize): Columns {
  const share = size.numbers / Math.max(1, bankNumbers(needed, size));
  return {
    factors: Math.floor(needed.factors * share),
    bottlenecks: Math.floor(needed.bottlenecks * share),
  };
}

export function bankNumbers(count: Columns, { perColumn }: Pick<ArenaSize, "perColumn">): number {
  return COLUMN_KINDS.reduce((sum, kind) => sum + count[kind] * perColumn[kind], 0);
}

export function blockNumbers(strides: ReadonlyMap<string, number>, { perSite }: Pick<ArenaSize, "perSite">): number {
  return [...strides].reduce((sum, [path, count]) => sum + count * perSite.get(path)!, 0);
}
