import { type Tensor, tensor } from "../../shared/tensor.ts";
import { type RowOptions, stepBatches } from "./batches.ts";
import type { Unit } from "./units.ts";

/** Capacities are a multiple of this; kernels like even sizes. */
const STEP = 16;
/** From this share of a batch on, choosing positions costs more than it saves. */
const MOST = 0.9;

/**
 * N, room for the labelled positions of any micro-batch of some steps; undefined where that is nearly every position.
 *
 * @param steps the micro-groups of each
 */
export function labelledCapacity(steps: Iterable<readonly (readonly Unit[])[]>, rows: RowOptions): number | undefined {
  const size = rows.shape.rows * rows.shape.tokens;
  let most = 0;
  for (const groups of steps) {
    for (const { feeds } of stepBatches(groups, rows)) most = Math.max(most, countOf(feeds.weights));
  }
  const capacity = Math.ceil(most / STEP) * STEP;
  return capacity === 0 || capacity >= MOST * size ? undefined : capacity;
}

/**
 * The places of a micro-batch's labelled positions in the flattened [B, T], filled up to [N] i64 with one that has no label; undefined
 * where there are more than N.
 */
export function labelledPlaces(weights: Tensor<"f32">, capacity: number): Tensor<"i64"> | undefined {
  const { data } = weights;
  const count = countOf(weights);
  if (count > capacity || capacity > data.length) return undefined;
  const spare = data.indexOf(0);
  const places = new BigInt64Array(capacity).fill(BigInt(Math.max(spare, 0)));
  let next = 0;
  for (let at = 0; at < data.length; at++) if (data[at] !== 0) places[next++] = BigInt(at);
  return tensor("i64", [capacity], places);
}

function countOf({ data }: Tensor<"f32">): number {
  let count = 0;
  for (const weight of data) if (weight !== 0) count += 1;
  return count;
}
