import type { ModelConfig } from "../../shared/model/config.ts";
import { parameterCount } from "../../shared/model/modules.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import { packBestFit } from "./packing.ts";
import { packUnits, rowsOfLargestUnit } from "./packing-units.ts";
import { blockLengths, type UnitSize } from "./shared-prompts.ts";

export interface ShapeOptions {
  readonly config: ModelConfig;
  /** The size of each unit of each micro-group, for enough of the run's groups to represent all. */
  readonly groups: readonly (readonly UnitSize[])[];
  /** The size of every unit, including the validation file's: each must fit. */
  readonly units: readonly UnitSize[];
  /** No row may be longer: the context, or what the job allows. No example is. */
  readonly limit: number;
  readonly packing: boolean;
}

/** Rows end at a multiple of this; kernels like even sizes. */
const STEP = 16;
/** The overhead of a micro-batch, in tokens: starting some thousand kernels, handing tensors in and out. */
const OVERHEAD = 48;
/**
 * Bounds of a micro-batch, which may always hold one unit: its tokens, for the memory, since its logits are never there at once
 * (token-scores.ts); its operations, six a weight and token, because they block the thread.
 */
const MOST_TOKENS = 4_096;
const MOST_OPERATIONS = 1e12;

/**
 * The micro-batch shape with the least cost for the groups. A group becomes as many micro-batches as its packed rows
 * need, and empty rows cost what full ones do: wide batches waste rows at a group's end, narrow ones pay the overhead
 * more often, long rows pack tighter but attend over more. It has room for the largest unit, which is never split.
 */
export function chooseBatchShape({ config, groups, units, limit, packing }: ShapeOptions): BatchShape {
  const budget = Math.min(MOST_TOKENS, MOST_OPERATIONS / (6 * parameterCount(config)));
  const longest = units.reduce((most, { lengths }) => Math.max(most, ...lengths), 0);
  let best: { shape: BatchShape; cost: number } | undefined;
  for (const tokens of packing ? rowLengths(longest, Math.min(limit, Math.max(longest, budget))) : [longest]) {
    const laidOut = units.map((unit) => blockLengths(unit, tokens));
    const groupsHere = groups.map((group) => group.map((unit) => blockLengths(unit, tokens)));
    const single = laidOut.every(({ length }) => length === 1);
    const needed = rowsOfLargestUnit(laidOut, { tokens, packing });
    const rowsOfGroups = groupsHere.map((group) => (packing ? packBestFit(group.flat(), tokens) : group.flat()).length);
    const most = Math.max(needed, Math.min(Math.max(...rowsOfGroups), Math.floor(budget / tokens)));
    for (const rows of single ? range(1, most) : doublings(needed, most)) {
      const shape = { rows, tokens };
      const batches = groupsHere.reduce(
        // Rows of single examples may be cut anywhere, so counting them is enough.
        (sum, group, i) =>
          sum + (single ? Math.ceil(rowsOfGroups[i]! / rows) : packUnits(group, { shape, packing }).length),
        0,
      );
      const cost = batches * (OVERHEAD + rows * tokens * costOfToken(config, tokens));
      if (best === undefined || cost < best.cost) best = { shape, cost };
    }
  }
  return best!.shape;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** `first`, twice that and so on up to `last`, which is among them: packing units whole is too slow to try every width. */
function doublings(first: number, last: number): number[] {
  const widths = [last];
  for (let width = first; width < last; width *= 2) widths.push(width);
  return widths;
}

/** From the longest example's length in growing steps to four times that, and at least to 512. */
function rowLengths(longest: number, limit: number): number[] {
  const first = Math.ceil(longest / STEP) * STEP;
  const lengths = new Set<number>();
  for (
    let length = first;
    length <= Math.max(4 * first, 512);
    length += Math.max(STEP, Math.ceil(length / 4 / STEP) * STEP)
  ) {
    lengths.add(Math.min(length, Math.floor(limit)));
  }
  return [...lengths];
}

/** What a score of attention costs beyond its products, as operations: masks, softmax and their gradients are bound by memory. */
const SCORE = 512;

/** Relative to the products with the weights: 2 operations a weight, against T·H scores of 4·P + `SCORE` a layer in attention. */
function costOfToken(config: ModelConfig, tokens: number): number {
  const attention = (4 * config.headDim + SCORE) * tokens * config.heads * config.layers;
  return 1 + attention / (2 * parameterCount(config));
}
