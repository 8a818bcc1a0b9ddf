import { TrimtabError } from "../../shared/errors.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import { packBestFit, type Row, unpacked } from "./packing.ts";

export interface PackingOptions {
  /** B rows of T tokens; no example is longer than a row, and no unit needs more rows. */
  readonly shape: BatchShape;
  /** Several examples may share a row. Changes the speed, not what is computed. */
  readonly packing: boolean;
}

/** The rows of one micro-batch. They hold the indices of examples, counted over all units in order. */
export type MicroBatchRows = readonly Row[];

/**
 * Lays out units in as few micro-batches as a greedy rule finds, given the lengths of each unit's examples. The examples of a
 * unit are always in the same micro-batch, in the same row or in different ones.
 */
export function packUnits(units: readonly (readonly number[])[], options: PackingOptions): MicroBatchRows[] {
  if (units.every(({ length }) => length === 1)) return packSingles(units.flat(), options);
  return packTogether(units, options);
}

/** Units of one example may be cut anywhere: all are packed into rows, and the rows are cut into micro-batches. */
function packSingles(lengths: readonly number[], { shape, packing }: PackingOptions): MicroBatchRows[] {
  const rows = packing ? packBestFit(lengths, shape.tokens) : unpacked(lengths);
  const count = Math.ceil(rows.length / shape.rows);
  return Array.from({ length: count }, (_, batch) => rows.slice(batch * shape.rows, (batch + 1) * shape.rows));
}

interface OpenRow {
  readonly indices: number[];
  readonly free: number;
}

/** Largest unit first, each into the first micro-batch whose rows hold all of it (first fit decreasing). */
function packTogether(units: readonly (readonly number[])[], options: PackingOptions): MicroBatchRows[] {
  let next = 0;
  const sized = units.map((lengths) => {
    const examples = lengths.map((length, at) => ({ index: next + at, length }));
    next += lengths.length;
    examples.sort((a, b) => b.length - a.length || a.index - b.index);
    return { examples, tokens: lengths.reduce((sum, length) => sum + length, 0) };
  });
  sized.sort((a, b) => b.tokens - a.tokens || (a.examples[0]?.index ?? 0) - (b.examples[0]?.index ?? 0));
  const batches: OpenRow[][] = [];
  for (const { examples } of sized) {
    let placed: OpenRow[] | undefined;
    let batch = -1;
    while (placed === undefined) {
      batch += 1;
      if (batch === batches.length) batches.push([]);
      placed = place(batches[batch]!, examples, options);
      if (placed === undefined && batches[batch]!.length === 0) {
        const { rows, tokens } = options.shape;
        throw new TrimtabError(
          "internal_error",
          `a unit of ${examples.length} examples does not fit a micro-batch of ${rows} rows of ${tokens} tokens`,
        );
      }
    }
    batches[batch] = placed;
  }
  return batches.map((rows) => rows.map(({ indices }) => indices));
}

/** The rows with the examples added, each in the row where it leaves the least space; undefined if one fits no row. */
function place(
  rows: readonly OpenRow[],
  examples: readonly { readonly index: number; readonly length: number }[],
  { shape, packing }: PackingOptions,
): OpenRow[] | undefined {
  const placed = [...rows];
  for (const { index, length } of examples) {
    let best = -1;
    for (const [at, { free }] of placed.entries()) {
      if (free >= length && (best < 0 || free < placed[best]!.free)) best = at;
    }
    if (best >= 0) {
      const { indices, free } = placed[best]!;
      placed[best] = { indices: [...indices, index], free: free - length };
    } else {
      if (placed.length === shape.rows) return undefined;
      placed.push({ indices: [index], free: packing ? shape.tokens - length : 0 });
    }
  }
  return placed;
}

/** How many rows of that many tokens the largest unit needs by itself. */
export function rowsOfLargestUnit(
  units: Iterable<readonly number[]>,
  { tokens, packing }: { readonly tokens: number; readonly packing: boolean },
): number {
  let most = 1;
  for (const lengths of units) {
    if (lengths.length > most) most = Math.max(most, packing ? packBestFit(lengths, tokens).length : lengths.length);
  }
  return most;
}
