/** The examples of one row of a batch, in order. */
export type Row = readonly number[];

/**
 * Puts sequences into rows of `capacity` tokens: longest first, each into the row with the least space that still holds
 * it (best fit decreasing). Gives the indices of the sequences in each row. Every length is from 1 to `capacity`.
 *
 * Of rows with equal space the one that has had it longest is taken, so that the result equals trl's `pack_dataset`
 * with the strategy "bfd".
 */
export function packBestFit(lengths: ArrayLike<number>, capacity: number): Row[] {
  const order = Array.from({ length: lengths.length }, (_, index) => index);
  order.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const rows: number[][] = [];
  const withSpace = Array.from({ length: capacity + 1 }, () => [] as number[][]);
  for (const index of order) {
    const length = lengths[index]!;
    let space = length;
    while (space < capacity && withSpace[space]!.length === 0) space++;
    let row = space < capacity ? withSpace[space]!.shift() : undefined;
    if (row === undefined) {
      row = [];
      rows.push(row);
      space = capacity;
    }
    row.push(index);
    withSpace[space - length]!.push(row);
  }
  return rows;
}

/** One row for each sequence. */
export function unpacked(lengths: ArrayLike<number>): Row[] {
  return Array.from({ length: lengths.length }, (_, index) => [index]);
}
