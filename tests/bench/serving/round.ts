import type { Load } from "./deltas.ts";

/** One thing done `times` times inside workerd. */
export interface Round {
  /**
   * `arrange`: lays out the deltas of the batch. Then, on the batch that is there: `step` decodes a token for every row, `join`
   * puts another row in the place of the last one, `prefill` takes in 32 tokens of the first row behind what its deltas put
   * before them. `gemm` and `gemv` multiply eight matrices of 1024 × 1024 by 512 rows, and by one.
   */
  readonly op: "arrange" | "step" | "join" | "prefill" | "gemm" | "gemv";
  readonly times: number;
  /** Of `arrange`. */
  readonly batch?: Batch;
}

export interface Batch {
  readonly load: Load;
  readonly rows: number;
  /** As the arena chooses, or forced. */
  readonly layout: "chosen" | "bank" | "rows";
  /** In place of the load's: so many different LoRA deltas among the rows. */
  readonly distinct?: number;
}

/** Rows that there are slots for. */
export const SLOTS = 16;
export const PREFILL_TOKENS = 32;
