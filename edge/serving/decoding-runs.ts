import type { WeightSet } from "../runtime/weight-set.ts";

interface DecodingRow {
  readonly work: { readonly weights: WeightSet };
  readonly isDecoding: boolean;
}

/**
 * What one step runs: stretches of neighbouring rows with the same weights, each cut to begin and end with a row that is
 * decoding. Rows between them that are not decoding take part without effect.
 */
export function decodingRuns<R extends DecodingRow>(rows: readonly R[]): { first: number; rows: R[] }[] {
  const runs: { first: number; rows: R[] }[] = [];
  for (let first = 0; first < rows.length; ) {
    let end = first;
    while (end < rows.length && rows[end]!.work.weights === rows[first]!.work.weights) end++;
    const decoding = rows.slice(first, end).map(({ isDecoding }) => isDecoding);
    const [from, to] = [decoding.indexOf(true), decoding.lastIndexOf(true)];
    if (from >= 0) runs.push({ first: first + from, rows: rows.slice(first + from, first + to + 1) });
    first = end;
  }
  return runs;
}
