import type { ModelConfig } from "../../shared/model/config.ts";
import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import { COLUMN_KINDS, type ColumnKind, type Columns, columnSites, columnSizes, siteSize } from "./column-sites.ts";
import type { RowDeltas, ServingDelta } from "./serving-delta.ts";

export type Layout = ServingFeatures["layout"];

/** A way to divide the arena. */
export type ArenaFrame = BankFrame | RowsFrame;

export interface BankFrame {
  readonly layout: "bank";
  /** How many columns of each kind every site has room for. */
  readonly capacity: Columns;
}

export interface RowsFrame {
  readonly layout: "rows";
  /** By path, the columns of each row's block in a site; 0 if a path is missing. */
  readonly strides: ReadonlyMap<string, number>;
  /** How many rows there is room for. */
  readonly rows: number;
}

export const EMPTY_FRAME: ArenaFrame = { layout: "bank", capacity: { factors: 0, bottlenecks: 0 } };

/** What a batch needs. */
export interface ArenaDemand {
  readonly rows: number;
  /** Columns of all deltas in the batch, counting each delta once. */
  readonly shared: Columns;
  /** By path, the most columns that any row has at that site. */
  readonly strides: ReadonlyMap<string, number>;
}

export interface ArenaSize {
  /** Total size in floats. */
  readonly floats: number;
  /** Floats per column, summed over all sites. */
  readonly perColumn: Columns;
  /** Floats per column in the site at that path. */
  readonly perSite: ReadonlyMap<string, number>;
  /**
   * For a batch of `rows` rows, the cost per float of the layout `rows` relative to `bank`: each row multiplies its own matrix,
   * so a step does one vector-matrix product per row rather than one matrix-matrix product.
   */
  readonly rowsCost: (rows: number) => number;
}

/**
 * Measured by `npm run bench -- serving` on the embedded base: the layouts break even at 2.7 different deltas of rank 8 for 4
 * rows, 3 for 8 rows and 5 for 16 rows.
 */
export const measuredRowsCost = (rows: number): number => 2 + rows / 6;
/** Switch only if the other layout costs less than this fraction: switching copies every delta in use. */
const SWITCH_BELOW = 0.8;

export function arenaSize(config: ModelConfig, floats: number, rowsCost = measuredRowsCost): ArenaSize {
  const sites = COLUMN_KINDS.flatMap((kind) => columnSites(config, kind));
  const perSite = new Map(sites.map((site) => [site.path, siteSize(site)]));
  return { floats, perColumn: columnSizes(config), perSite, rowsCost };
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

/** Every distinct delta with columns among the rows, in order of first use. */
export function distinctDeltas(rows: readonly RowDeltas[]): ServingDelta[] {
  return [...new Map(rows.flatMap(({ terms }) => terms.map(({ delta }) => [delta.key, delta]))).values()];
}

/** Whether the batch fits in either layout. */
export function fitsArena(demand: ArenaDemand, size: ArenaSize): boolean {
  return Math.min(...Object.values(layoutCosts(demand, size))) < Number.POSITIVE_INFINITY;
}

/**
 * The frame for a batch that fits; returns `current` if it is still suitable. The bank computes every active column for every
 * row at every site. The layout `rows` pads each site to its widest row and costs more per float.
 */
export function frameFor(demand: ArenaDemand, size: ArenaSize, current: ArenaFrame): ArenaFrame {
  const cost = layoutCosts(demand, size);
  const { layout } = current;
  const other = layout === "bank" ? "rows" : "bank";
  const chosen = cost[other] < SWITCH_BELOW * cost[layout] ? other : layout;
  if (chosen === layout && isStillSuitable(demand, size, current)) return current;
  if (chosen === "bank") return { layout: "bank", capacity: filledUp(demand.shared, size) };
  const block = blockFloats(demand.strides, size);
  return {
    layout: "rows",
    strides: demand.strides,
    rows: block === 0 ? demand.rows : Math.floor(size.floats / block),
  };
}

/** Relative cost of a step in each layout; infinite if the batch does not fit. */
function layoutCosts({ rows, shared, strides }: ArenaDemand, size: ArenaSize): Readonly<Record<Layout, number>> {
  const [bank, block] = [bankFloats(shared, size), blockFloats(strides, size)];
  const within = (floats: number, cost: number) => (floats <= size.floats ? cost : Number.POSITIVE_INFINITY);
  return { bank: within(bank, bank), rows: within(rows * block, size.rowsCost(rows) * block) };
}

function isStillSuitable({ rows, shared, strides }: ArenaDemand, size: ArenaSize, frame: ArenaFrame): boolean {
  if (frame.layout === "bank") return COLUMN_KINDS.every((kind) => shared[kind] <= frame.capacity[kind]);
  const isWideEnough = [...strides].every(([path, count]) => count <= (frame.strides.get(path) ?? 0));
  // Blocks more than twice as large as any row needs would waste work at every step.
  const isWasteful = blockFloats(frame.strides, size) > 2 * blockFloats(strides, size);
  return isWideEnough && !isWasteful && rows <= frame.rows;
}

/** Scales the needed columns up to fill the arena, so that adding the next delta does not redivide it. */
function filledUp(needed: Columns, size: ArenaSize): Columns {
  const share = size.floats / Math.max(1, bankFloats(needed, size));
  return {
    factors: Math.floor(needed.factors * share),
    bottlenecks: Math.floor(needed.bottlenecks * share),
  };
}

export function bankFloats(count: Columns, { perColumn }: Pick<ArenaSize, "perColumn">): number {
  return COLUMN_KINDS.reduce((sum, kind) => sum + count[kind] * perColumn[kind], 0);
}

export function blockFloats(strides: ReadonlyMap<string, number>, { perSite }: Pick<ArenaSize, "perSite">): number {
  return [...strides].reduce((sum, [path, count]) => sum + count * perSite.get(path)!, 0);
}
