import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { parameterCount } from "../../shared/model/modules.ts";
import { DeltaBank } from "./delta-bank.ts";
import { KvSlab } from "./kv-slab.ts";

export interface MemoryPlan {
  /** Rows that decode at once. */
  readonly slots: number;
  /** Tokens per row: prompt and completion. */
  readonly capacity: number;
  /** Ranks that the deltas in use may have together. */
  readonly bankRank: number;
}

const MAX_SLOTS = 16;
const MAX_CAPACITY = 2048;
const BANK_RANKS = [128, 64, 32, 16];
/** The runtime itself, its sessions and the intermediate results of a step: 12 to 13 MB measured beside the tensors. */
const RUNTIME_BYTES = 18 * 1024 * 1024;
/** What is tried, best first; a plan with fewer ranks comes before the next of these. */
const WISHES = [
  { weightSets: 2, rows: 4 },
  { weightSets: 1, rows: 4 },
  { weightSets: 1, rows: 1 },
];

/**
 * Divides the heap between the weights, the key/value slab and the delta bank. Room for a second set of weights, a full
 * fine-tune's, is kept where that leaves four slots. Throws `capacity_exceeded` when not even one row fits beside the weights.
 */
export function planMemory(config: ModelConfig, heapLimitBytes: number): MemoryPlan {
  const capacity = Math.min(config.maxPositions, MAX_CAPACITY);
  const slotBytes = KvSlab.bytesPerSlot(config, capacity);
  const weightBytes = 4 * parameterCount(config);
  for (const { weightSets, rows } of WISHES) {
    for (const bankRank of BANK_RANKS) {
      const rest =
        heapLimitBytes - RUNTIME_BYTES - weightSets * weightBytes - bankRank * DeltaBank.bytesPerRank(config);
      const slots = Math.min(MAX_SLOTS, Math.floor(rest / slotBytes));
      if (slots >= rows) return { slots, capacity, bankRank };
    }
  }
  const needed = RUNTIME_BYTES + weightBytes + slotBytes + BANK_RANKS.at(-1)! * DeltaBank.bytesPerRank(config);
  throw new TrimtabError(
    "capacity_exceeded",
    `the model needs ${megabytes(needed)} MB to serve one row, but the heap is limited to ${megabytes(heapLimitBytes)} MB; ` +
      "use a smaller model or a larger heap",
    { data: { neededBytes: needed, heapLimitBytes } },
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
