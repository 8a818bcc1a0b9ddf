import type { Load } from "./deltas.ts";

/** One operation, run `times` times inside workerd. */
export interface Round {
  /**
   * `arrange` lays out the deltas of the batch. Then, for that batch: `step` decodes a token for every row, `join` replaces the
   * last row by another, and `prefill` processes 32 tokens of the first row after its prefix and virtual tokens. `gemm` and
   * `gemv` multiply eight matrices of 1024 × 1024 by 512 rows and by one row.
   */
  readonly op: "arrange" | "step" | "join" | "prefill" | "gemm" | "gemv";
  readonly times: number;
  /** For `arrange`. */
  readonly batch?: Batch;
}

export interface Batch {
  readonly load: Load;
  readonly rows: number;
  /** Chosen by the arena, or forced. */
  readonly layout: "chosen" | "bank" | "rows";
  /** Replaces the load's deltas by this many different LoRA deltas. */
  readonly distinct?: number;
}

/** Number of slots, and so the largest batch. */
export const SLOTS = 16;
export const PREFILL_TOKENS = 32;
