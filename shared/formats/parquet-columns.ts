/** Rows of a Parquet table over its columns as they are decoded: no row is made before it is asked for. */
import type { ColumnData } from "hyparquet";

interface Chunk {
  readonly values: ColumnData["columnData"];
  readonly from: number;
  readonly to: number;
}

interface Column {
  readonly chunks: Chunk[];
  /** The chunk that was read last: rows are read in order. */
  at: number;
}

/** The decoded columns of some rows. */
export class ParquetColumns {
  readonly #columns = new Map<string, Column>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#columns.set(name, { chunks: [], at: 0 });
  }

  /** Adds a part of a column, which comes behind those that were added before. Columns without a name here are left out. */
  add({ columnName, columnData, rowStart, rowEnd }: ColumnData): void {
    this.#columns.get(columnName)?.chunks.push({ values: columnData, from: rowStart, to: rowEnd });
  }

  /** A row of the file, counted from 0. Throws Error for one that a column does not have. */
  row(index: number): Record<string, unknown> {
    const row: [string, unknown][] = [];
    for (const [name, column] of this.#columns) row.push([name, valueAt(column, index)]);
    return Object.fromEntries(row);
  }

  /** The sum of what a measure makes of each value of some rows, but no more than goes beyond `most`. */
  sum(measure: (value: unknown) => number, { from, to, most }: Range): number {
    let sum = 0;
    for (const column of this.#columns.values()) {
      for (let index = from; index < to && sum <= most; index++) sum += measure(valueAt(column, index));
      column.at = 0;
    }
    return sum;
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly most: number;
}

function valueAt(column: Column, index: number): unknown {
  let chunk = column.chunks[column.at];
  while (chunk !== undefined && index >= chunk.to) chunk = column.chunks[++column.at];
  if (chunk === undefined || index < chunk.from) throw new Error("a column has fewer rows than its footer says");
  return chunk.values[index - chunk.from];
}
