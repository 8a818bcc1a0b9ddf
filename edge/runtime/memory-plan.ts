import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { parameterCount } from "../../shared/model/modules.ts";
import { columnSizes } from "./column-sites.ts";
import { KvSlab } from "./kv-slab.ts";
import { RowVectors } from "./row-vectors.ts";

export interface MemoryPlan {
  /** Rows that decode at once. */
  readonly slots: number;
  /** Positions per row: prefix, prompt and completion. */
  readonly capacity: number;
  /** Numbers of the delta arena: so many ranks that the deltas in use may have together, or as many columns of bottlenecks. */
  readonly arenaNumbers: number;
}

const MAX_SLOTS = 16;
const MAX_CAPACITY = 2048;
const ARENA_RANKS = [128, 64, 32, 16];
/**
 * The runtime itself, its sessions, windows and the intermediate results of a step: 12 MiB beside the embedded base's tensors
 * before the first step, 18 with six sessions after batches of every size and kind.
 */
const RUNTIME_BYTES = 19 * 1024 * 1024;
/** What is tried, best first; a plan with fewer ranks comes before the next of these. */
const WISHES = [
  { weightSets: 2, rows: 4 },
  { weightSets: 1, rows: 4 },
  { weightSets: 1, rows: 1 },
];

/** Bytes that a row takes beside its deltas' columns: keys, values, scales and biases. */
export function bytesPerSlot(config: ModelConfig, capacity: number): number {
  return KvSlab.bytesPerSlot(config, capacity) + RowVectors.bytesPerSlot(config);
}

/**
 * Divides the heap between the weights, the rows and the delta arena. Room for a second set of weights, a full fine-tune's, is
 * kept where that leaves four rows. Throws `capacity_exceeded` when not even one row fits beside the weights.
 */
export function planMemory(config: ModelConfig, heapLimitBytes: number): MemoryPlan {
  const capacity = Math.min(config.maxPositions, MAX_CAPACITY);
  const slotBytes = bytesPerSlot(config, capacity);
  const weightBytes = 4 * parameterCount(config);
  const rankNumbers = columnSizes(config).factors;
  for (const { weightSets, rows } of WISHES) {
    for (const ranks of ARENA_RANKS) {
      const rest = heapLimitBytes - RUNTIME_BYTES - weightSets * weightBytes - 4 * ranks * rankNumbers;
      const slots = Math.min(MAX_SLOTS, Math.floor(rest / slotBytes));
      if (slots >= rows) return { slots, capacity, arenaNumbers: ranks * rankNumbers };
    }
  }
  const needed = RUNTIME_BYTES + weightBytes + slotBytes + 4 * ARENA_RANKS.at(-1)! * rankNumbers;
  throw new TrimtabError(
    "capacity_exceeded",
    `the model needs ${mebibytes(needed)} MiB to serve one row, but the heap is limited to ${mebibytes(heapLimitBytes)} MiB; ` +
      "use a smaller model or a larger heap",
    { data: { neededBytes: needed, heapLimitBytes } },
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
