import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { prefixTokens, virtualTokens } from "../../shared/delta/canonical-rewrite.ts";
import { canonicalTensors } from "../../shared/delta/serving-file.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { HEAD_PATH } from "../../shared/model/modules.ts";
import { type ColumnKind, columnSizes } from "../runtime/column-sites.ts";
import { planMemory } from "../runtime/memory-plan.ts";
import type { RowDeltas } from "../runtime/serving-delta.ts";

export { servedPositions } from "../runtime/memory-plan.ts";

/**
 * The most that one request's deltas may have in total. It is known before a delta is trained, so that nobody trains what
 * cannot be served.
 */
export interface ServingLimits {
  /** The rank, if there are no bottlenecks. */
  readonly rank: number;
  /** Bottleneck columns, if there is no rank. */
  readonly columns: number;
  /** Positions before the text, leaving room for at least one token of prompt and one of completion. */
  readonly positions: number;
  /** All numbers, in 32-bit floats. */
  readonly bytes: number;
}

/** Rows that may wait for a model, and requests that may wait for room for their deltas: of one tenant, and of all. */
export const MAX_WAITING_OF_TENANT = 256;
export const MAX_WAITING = 2048;

/**
 * Rows that one tenant may hold at a time: all but an eighth, so that another tenant's request is admitted at once, however
 * many of the first tenant's are waiting. Until then those slots cache the prompts of earlier requests.
 */
export function tenantQuota(slots: number): number {
  return Math.max(1, slots - Math.ceil(slots / 8));
}

/** Bytes of JavaScript's memory for what paused rows have computed: 6 MiB beside a heap of 96. */
export function pausedRoom(heapLimitBytes: number): number {
  return Math.floor(heapLimitBytes / 16);
}

/** Bytes of JavaScript's memory for deltas, in addition to the heap: 16 MiB beside a heap of 96, in an isolate of 128. */
export function deltaRoom(heapLimitBytes: number): number {
  return Math.floor(heapLimitBytes / 6);
}

/** What a request takes of each limit. */
export type ServingDemand = Readonly<Record<keyof ServingLimits, number>>;

/** Throws `capacity_exceeded` if the base itself does not fit the heap. */
export function servingLimits(config: ModelConfig, heapLimitBytes: number): ServingLimits {
  const { arenaFloats, capacity } = planMemory(config, heapLimitBytes);
  const { factors, bottlenecks } = columnSizes(config);
  return {
    rank: Math.floor(arenaFloats / factors),
    columns: Math.floor(arenaFloats / bottlenecks),
    positions: Math.max(0, capacity - 2),
    bytes: deltaRoom(heapLimitBytes),
  };
}

/** What a delta takes by itself. Changes to the head and the embedding are computed on the host and take no columns. */
export function demandOf(delta: CanonicalDelta): ServingDemand {
  const { linears, bottlenecks } = delta;
  const ranks = [...linears].map(([path, { a }]) => (path === HEAD_PATH ? 0 : (a?.shape[1] ?? 0)));
  return {
    rank: Math.max(0, ...ranks),
    columns: Math.max(0, ...[...bottlenecks.values()].map(({ down }) => down.shape[1]!)),
    positions: prefixTokens(delta) + virtualTokens(delta),
    bytes: [...canonicalTensors(delta).values()].reduce((sum, { data }) => sum + data.byteLength, 0),
  };
}

/** What a request with several deltas takes. */
export function totalDemand(demands: readonly ServingDemand[]): ServingDemand {
  const total = (limit: keyof ServingDemand) => demands.reduce((sum, demand) => sum + demand[limit], 0);
  return { rank: total("rank"), columns: total("columns"), positions: total("positions"), bytes: total("bytes") };
}

/** What exceeds the limits, in words that follow "has", and the most there can be; undefined if all of it can be served. */
export function beyondLimits(demand: ServingDemand, limits: ServingLimits): { has: string; most: string } | undefined {
  if (demand.positions > limits.positions) {
    return { has: `${demand.positions} positions before the text`, most: String(limits.positions) };
  }
  // Both kinds of columns share one arena.
  if (demand.rank / limits.rank + demand.columns / limits.columns > 1) {
    const most = { rank: demand.rank > 0 ? limits.rank : 0, columns: demand.columns > 0 ? limits.columns : 0 };
    return { has: columnsInWords(demand, "and"), most: columnsInWords(most, "or") };
  }
  if (demand.bytes <= limits.bytes) return undefined;
  return { has: `${megabytes(demand.bytes)} MB of numbers`, most: `${megabytes(limits.bytes)} MB` };
}

/** The error for a generation whose rows need more columns than the arena ever has. */
export function tooManyColumns(
  rows: readonly Pick<RowDeltas, "columns">[],
  arena: { largest(kind: ColumnKind): number },
): TrimtabError {
  const most = (kind: ColumnKind) => Math.max(...rows.map(({ columns }) => columns[kind]));
  const demand = { rank: most("factors"), columns: most("bottlenecks") };
  const limit = {
    rank: demand.rank > 0 ? arena.largest("factors") : 0,
    columns: demand.columns > 0 ? arena.largest("bottlenecks") : 0,
  };
  return new TrimtabError(
    "invalid_request",
    `the request's deltas have ${columnsInWords(demand, "and")} together, but this model serves at most ${columnsInWords(limit, "or")} on every layer`,
    { param: "deltas" },
  );
}

/** Such as `a rank of 8 and 16 bottleneck columns`; zeros are left out. */
export function columnsInWords(
  { rank, columns }: Pick<ServingDemand, "rank" | "columns">,
  joint: "and" | "or",
): string {
  const parts = [rank > 0 ? `a rank of ${rank}` : "", columns > 0 ? `${columns} bottleneck columns` : ""];
  return parts.filter((part) => part !== "").join(` ${joint} `);
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Why a base cannot be served in a heap of this size; null if it can. */
export function whyNotServed(config: ModelConfig, heapLimitBytes: number): string | null {
  try {
    servingLimits(config, heapLimitBytes);
    return null;
  } catch (error) {
    if (error instanceof TrimtabError && error.code === "capacity_exceeded") return error.message;
    throw error;
  }
}
