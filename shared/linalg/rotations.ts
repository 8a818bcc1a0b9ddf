/**
 * Plane rotations that are kept to be applied together. Applied one by one, each would read two whole rows; together, a strip
 * of columns stays in the cache while every rotation passes over it.
 */

/** Sweeps of rotations; each turns rows i and i + 1 for i falling from the sweep's first. */
export interface Rotations {
  /** Begins a sweep whose first rotation turns rows `from` and `from` + 1, the next one `from` − 1 and `from`. */
  start(from: number): void;
  /** row i + 1 ← sine · row i + cosine · row i + 1; row i ← cosine · row i − sine · row i + 1 */
  push(cosine: number, sine: number): void;
  isFull(): boolean;
  /** Empties it and returns, for each rotation in order, its i, cosine and sine. */
  take(): Float64Array;
}

/** 6 MB: some sweeps over a thousand rows. */
const CAPACITY = 1 << 18;
/** Columns: with a thousand rows, 256 kB. */
const STRIP = 32;

export function createRotations(): Rotations {
  let kept = new Float64Array(3 * CAPACITY);
  let length = 0;
  let next = 0;
  return {
    start(from) {
      next = from;
    },
    push(cosine, sine) {
      if (length === kept.length) {
        const longer = new Float64Array(2 * kept.length);
        longer.set(kept);
        kept = longer;
      }
      kept[length] = next--;
      kept[length + 1] = cosine;
      kept[length + 2] = sine;
      length += 3;
    },
    isFull: () => length >= 3 * CAPACITY,
    take() {
      const taken = kept.subarray(0, length);
      length = 0;
      return taken;
    },
  };
}

/** Applies what was kept to the rows of a row-major matrix with `width` columns, in place, and empties `rotations`. */
export function applyRotations(rotations: Rotations, rows: Float64Array, width: number): void {
  const all = rotations.take();
  for (let strip = 0; strip < width; strip += STRIP) {
    const columns = Math.min(STRIP, width - strip);
    for (let at = 0; at < all.length; at += 3) {
      const upper = all[at]! * width + strip;
      const lower = upper + width;
      const cosine = all[at + 1]!;
      const sine = all[at + 2]!;
      for (let column = 0; column < columns; column++) {
        const x = rows[upper + column]!;
        const y = rows[lower + column]!;
        rows[lower + column] = sine * x + cosine * y;
        rows[upper + column] = cosine * x - sine * y;
      }
    }
  }
}
