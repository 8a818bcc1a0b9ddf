import type { ModelConfig } from "../../shared/model/config.ts";
import { planMemory } from "../runtime/memory-plan.ts";

/**
 * The largest rank that the deltas of one request may have together. It is known before a delta is trained, so that nobody
 * trains what cannot be served. Throws `capacity_exceeded` where the base itself does not fit the heap.
 */
export function servedRank(config: ModelConfig, heapLimitBytes: number): number {
  return planMemory(config, heapLimitBytes).bankRank;
}
