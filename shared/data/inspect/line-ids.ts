/** One number for a line of one of several files, so that what compares lines need not know of files. */
const LINES = 2 ** 32;

export interface LinePlace {
  /** The file's place among those that are looked at together. */
  readonly file: number;
  readonly line: number;
}

export const lineId = (file: number, line: number): number => file * LINES + line;

export const placeOf = (id: number): LinePlace => ({ file: Math.floor(id / LINES), line: id % LINES });
