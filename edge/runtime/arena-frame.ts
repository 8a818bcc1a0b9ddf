import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import { COLUMN_KINDS, type ColumnKind, type Columns } from "./column-sites.ts";
import type { RowDeltas, ServingDelta } from "./serving-delta.ts";

export type Layout = ServingFeatures["layout"];

/** How the arena is divided. */
export interface ArenaFrame {
  readonly layout: Layout;
  /** Columns of each kind that there is room for. */
  readonly capacity: Columns;
  /** `rows`: columns of each row's block, in slot order. `bank`: not used. */
  readonly stride: Columns;
}

export const EMPTY_FRAME: ArenaFrame = {
  layout: "bank",
  capacity: { factors: 0, bottlenecks: 0 },
  stride: { factors: 0, bottlenecks: 0 },
};

/** What a batch asks for. */
export interface ArenaDemand {
  readonly rows: number;
  /** Columns of all deltas in the batch, each delta once. */
  readonly shared: Columns;
  /** The most columns that one row has. */
  readonly largest: Columns;
}

export interface ArenaSize {
  /** Numbers in all. */
  readonly numbers: number;
  /** Numbers of one column of each kind. */
  readonly perColumn: Columns;
}

/**
 * What a number costs that a row multiplies with alone, as a multiple of one that the batch shares: its product is a row by a
 * matrix in place of a matrix by a matrix. `npm run bench -- serving` measures it.
 */
const OWN_COST = 2.5;
/** How much cheaper the other layout must be: changing costs a copy of every delta in use. */
const WORTH_CHANGING = 0.8;

export function arenaDemand(rows: readonly RowDeltas[]): ArenaDemand {
  const deltas = distinctDeltas(rows);
  return {
    rows: rows.length,
    shared: columns((kind) => deltas.reduce((sum, delta) => sum + delta.columns[kind], 0)),
    largest: columns((kind) => Math.max(0, ...rows.map((row) => row.columns[kind]))),
  };
}

/** The deltas with columns of all rows, each once, in the order in which they first occur. */
export function distinctDeltas(rows: readonly RowDeltas[]): ServingDelta[] {
  return [...new Map(rows.flatMap(({ terms }) => terms.map(({ delta }) => [delta.key, delta]))).values()];
}

/** Whether the batch can be served at all: where each row's own block fits, so does the bank. */
export function fitsArena({ shared }: ArenaDemand, size: ArenaSize): boolean {
  return numbersOf(shared, size) <= size.numbers;
}

/**
 * The frame for a batch that fits: `current` where that will do. Every active column of the bank is computed for every row;
 * blocks of the rows' own cost each row the largest one, and more per number.
 */
export function frameFor(demand: ArenaDemand, size: ArenaSize, current: ArenaFrame): ArenaFrame {
  const blocks = columns((kind) => demand.rows * demand.largest[kind]);
  const cost = {
    bank: numbersOf(demand.shared, size),
    rows:
      numbersOf(blocks, size) <= size.numbers ? OWN_COST * numbersOf(demand.largest, size) : Number.POSITIVE_INFINITY,
  };
  const { layout } = current;
  const other = layout === "bank" ? "rows" : "bank";
  const chosen =
    cost[other] < WORTH_CHANGING * cost[layout] || cost[layout] === Number.POSITIVE_INFINITY ? other : layout;
  if (chosen === layout && stillGood(demand, current)) return current;
  const stride = demand.largest;
  const capacity = spread(chosen === "bank" ? demand.shared : blocks, size);
  return { layout: chosen, capacity, stride };
}

function stillGood({ rows, shared, largest }: ArenaDemand, { layout, capacity, stride }: ArenaFrame): boolean {
  return COLUMN_KINDS.every((kind) => {
    if (layout === "bank") return shared[kind] <= capacity[kind];
    // A block more than twice as wide as any row needs is waste at every step.
    const wasteful = stride[kind] > 2 * largest[kind] && stride[kind] > 1;
    return largest[kind] <= stride[kind] && !wasteful && rows * stride[kind] <= capacity[kind];
  });
}

/** Room for what is needed, and the rest of the arena in proportion to it, so that the next row changes nothing. */
function spread(needed: Columns, size: ArenaSize): Columns {
  const share = size.numbers / Math.max(1, numbersOf(needed, size));
  return columns((kind) => Math.floor(needed[kind] * share));
}

export function numbersOf(count: Columns, { perColumn }: Pick<ArenaSize, "perColumn">): number {
  return COLUMN_KINDS.reduce((sum, kind) => sum + count[kind] * perColumn[kind], 0);
}

function columns(of: (kind: ColumnKind) => number): Columns {
  return { factors: of("factors"), bottlenecks: of("bottlenecks") };
}
