import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { parameterCount } from "../../shared/model/modules.ts";
import { columnSizes } from "./column-sites.ts";
import { cacheBytes, vectorBytes } from "./slot-sizes.ts";

export interface MemoryPlan {
  /** Rows that decode at once. */
  readonly slots: number;
  /** Positions per row: prefix, prompt and completion. */
  readonly capacity: number;
  /** Size of the delta arena in floats. Limits the ranks, or bottleneck columns, of all deltas in use together. */
  readonly arenaFloats: number;
}

const MIB = 1024 * 1024;
/** What 32-bit addresses reach, less one page. */
const MAX_HEAP_MIB = 4095;
const MAX_SLOTS = 16;
const MAX_CAPACITY = 2048;
const ARENA_RANKS = [128, 64, 32, 16];
/**
 * The runtime itself, its sessions, windows and the intermediate results of a step. On top of the embedded base's tensors we
 * measure 12 MiB before the first step, and 18 MiB with six sessions after batches of every size and kind.
 */
export const RUNTIME_BYTES = 19 * MIB;
/** The plans to try, best first. Each is tried with fewer and fewer ranks before the next. */
const PREFERENCES = [
  { weightSets: 2, rows: 4 },
  { weightSets: 1, rows: 4 },
  { weightSets: 1, rows: 1 },
];

/** Bytes per row, not counting its deltas' columns: keys, values, scales and biases. */
export function bytesPerSlot(config: ModelConfig, capacity: number): number {
  return cacheBytes(config, capacity) + vectorBytes(config);
}

/** Positions that a row of a model has here: its context, up to what any model gets. */
export function servedPositions(config: ModelConfig): number {
  return Math.min(config.maxPositions, MAX_CAPACITY);
}

/**
 * Divides the heap between the weights, the rows and the delta arena. Reserves room for a second set of weights (a full
 * fine-tune) if that still leaves four rows. Throws `capacity_exceeded` if not even one row fits beside the weights.
 */
export function planMemory(config: ModelConfig, heapLimitBytes: number): MemoryPlan {
  const capacity = servedPositions(config);
  const slotBytes = bytesPerSlot(config, capacity);
  const setBytes = weightBytes(config);
  const floatsPerRank = columnSizes(config).factors;
  for (const { weightSets, rows } of PREFERENCES) {
    for (const ranks of ARENA_RANKS) {
      const freeBytes = heapLimitBytes - RUNTIME_BYTES - weightSets * setBytes - 4 * ranks * floatsPerRank;
      const slots = Math.min(MAX_SLOTS, Math.floor(freeBytes / slotBytes));
      if (slots >= rows) return { slots, capacity, arenaFloats: ranks * floatsPerRank };
    }
  }
  const needed = RUNTIME_BYTES + setBytes + slotBytes + 4 * ARENA_RANKS.at(-1)! * floatsPerRank;
  const [neededMib, limitMib] = [Math.ceil(needed / MIB), Math.floor(heapLimitBytes / MIB)];
  const advice =
    neededMib > MAX_HEAP_MIB
      ? `no heap can have more than ${MAX_HEAP_MIB} MiB, so use a smaller model`
      : `use a smaller model, or start the server with ENGINE_HEAP_MB=${neededMib} or more (an isolate at Cloudflare has 128 MiB in all)`;
  throw new TrimtabError(
    "capacity_exceeded",
    `the model needs ${neededMib} MiB to serve one row, but ENGINE_HEAP_MB limits the heap to ${limitMib} MiB; ${advice}`,
    { data: { neededBytes: needed, heapLimitBytes } },
  );
}

/** What a plan leaves of the heap for further sets of weights, and for what comes and goes beside the rows. */
export function spareBytes(config: ModelConfig, heapLimitBytes: number, plan: MemoryPlan): number {
  const rows = plan.slots * bytesPerSlot(config, plan.capacity);
  return heapLimitBytes - RUNTIME_BYTES - weightBytes(config) - rows - 4 * plan.arenaFloats;
}

/** Bytes of one set of weights. */
export function weightBytes(config: ModelConfig): number {
  return 4 * parameterCount(config);
}
