import type { ModelConfig } from "../../shared/model/config.ts";
import { parameterCount } from "../../shared/model/modules.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import { packBestFit } from "./packing.ts";

export interface ShapeOptions {
  readonly config: ModelConfig;
  /** The lengths of the examples of each micro-group, of as many of the run's groups as tell how all of them are. */
  readonly groups: readonly (readonly number[])[];
  /** The longest of all examples, of the validation file too. */
  readonly longest: number;
  /** No row may be longer: the context, or what the job allows. At least `longest`. */
  readonly limit: number;
  readonly packing: boolean;
}

/** Rows end at a multiple of this; kernels like even sizes. */
const STEP = 16;
/** What a micro-batch costs beside its tokens, in tokens: starting some thousand kernels, handing tensors in and out. */
const OVERHEAD = 48;
/**
 * Bounds of a micro-batch, of which one row is always allowed: its tokens and its logits, which are held several times
 * over, for the memory; its operations, six a weight and token, because nothing else is heard while they last.
 */
const MOST_TOKENS = 4_096;
const MOST_LOGITS = 1 << 25;
const MOST_OPERATIONS = 1e12;

/**
 * The micro-batch in which the groups cost least. A group becomes as many micro-batches as its packed rows need, and empty
 * rows cost what full ones do: wide batches waste rows at a group's end, narrow ones pay the overhead more often, long
 * rows pack tighter but attend over more.
 */
export function chooseBatchShape({ config, groups, longest, limit, packing }: ShapeOptions): BatchShape {
  const budget = Math.min(MOST_TOKENS, MOST_LOGITS / config.vocabSize, MOST_OPERATIONS / (6 * parameterCount(config)));
  let best: { shape: BatchShape; cost: number } | undefined;
  for (const tokens of packing ? rowLengths(longest, Math.min(limit, Math.max(longest, budget))) : [longest]) {
    const rowsOfGroups = groups.map((lengths) => (packing ? packBestFit(lengths, tokens) : lengths).length);
    const most = Math.min(Math.max(...rowsOfGroups), Math.floor(budget / tokens));
    for (let rows = 1; rows <= Math.max(1, most); rows++) {
      const batches = rowsOfGroups.reduce((sum, needed) => sum + Math.ceil(needed / rows), 0);
      const cost = batches * (OVERHEAD + rows * tokens * costOfToken(config, tokens));
      if (best === undefined || cost < best.cost) best = { shape: { rows, tokens }, cost };
    }
  }
  return best!.shape;
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

/** Relative to the products with the weights: 2 operations a weight, against 4·T·H·P a layer in attention. */
function costOfToken(config: ModelConfig, tokens: number): number {
  const attention = 4 * tokens * config.heads * config.headDim * config.layers;
  return 1 + attention / (2 * parameterCount(config));
}
