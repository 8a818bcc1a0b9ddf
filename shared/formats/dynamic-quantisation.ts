/**
 * 8-bit quantisation with bitsandbytes' signed dynamic map (Dettmers 2015, arXiv 1511.04561), bit for bit as its CPU kernel
 * computes it: values in blocks of 256, divided by the block's largest magnitude and replaced by the number of a near
 * entry of the map, whose entries are dense around zero. Every step rounds to float32, since the reference does.
 */
export const DYNAMIC_BLOCK = 256;

export interface DynamicBlocks {
  /** Numbers of entries of `DYNAMIC_MAP`. */
  readonly codes: Uint8Array;
  /** The largest magnitude of every block: ⌈count / 256⌉. */
  readonly absmax: Float32Array;
}

/**
 * For each power of ten 10⁻⁶ … 10⁰, both signs: the middles of 2ⁱ equal parts of [0.1, 1]; then 0 and 1. Ascending; there
 * is no −1, so the map is not symmetric.
 */
export const DYNAMIC_MAP: Readonly<Float32Array> = dynamicMap();

function dynamicMap(): Float32Array {
  const entries = [0, 1];
  for (let power = 0; power < 7; power++) {
    const parts = 2 ** power;
    const scale = Math.fround(10 ** (power - 6));
    for (let part = 0; part < parts; part++) {
      const middle = Math.fround(boundary(part, parts) + boundary(part + 1, parts)) / 2;
      const entry = Math.fround(scale * middle);
      entries.push(entry, -entry);
    }
  }
  return Float32Array.from(entries).sort();
}

/** Boundary `i` of `parts` equal parts of [0.1, 1], counted from the nearer end as PyTorch's linspace does. */
function boundary(i: number, parts: number): number {
  const [start, end] = [Math.fround(0.1), 1];
  const step = Math.fround(Math.fround(end - start) / parts);
  return i < (parts + 1) / 2 ? Math.fround(start + step * i) : Math.fround(end - step * (parts - i));
}

/**
 * The kernel looks a quotient up in a grid of 65,536 places over [−1, 1] that each hold the entry nearest to the place, the
 * lower one in a tie. So around zero, where the map is finer than the grid, the entry is not always the nearest.
 */
const GRID = 65_535;
let grid: Uint8Array | undefined;

function placesToCodes(): Uint8Array {
  return Uint8Array.from({ length: GRID + 1 }, (_, place) => nearestEntry(Math.fround((place * 2) / GRID - 1)));
}

function nearestEntry(x: number): number {
  const right = DYNAMIC_MAP.findIndex((entry) => entry >= x);
  if (right <= 0) return 0;
  const below = Math.fround(x - DYNAMIC_MAP[right - 1]!);
  return Math.fround(DYNAMIC_MAP[right]! - x) < below ? right : right - 1;
}

/** Quantises finite `values`. */
export function quantiseDynamic(values: Float32Array): DynamicBlocks {
  grid ??= placesToCodes();
  const absmax = new Float32Array(Math.ceil(values.length / DYNAMIC_BLOCK));
  const codes = new Uint8Array(values.length);
  for (let block = 0; block < absmax.length; block++) {
    const part = values.subarray(block * DYNAMIC_BLOCK, (block + 1) * DYNAMIC_BLOCK);
    const largest = part.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    absmax[block] = largest;
    // A block of zeros keeps code 0: its entry is not zero, but its scale is.
    if (largest === 0) continue;
    const inverse = Math.fround(1 / largest);
    part.forEach((value, i) => {
      const x = Math.min(1, Math.max(-1, Math.fround(value * inverse)));
      const place = Math.fround(Math.fround(Math.fround(x + 1) * 0.5) * GRID);
      codes[block * DYNAMIC_BLOCK + i] = grid![Math.trunc(Math.fround(place + 0.5))]!;
    });
  }
  return { codes, absmax };
}

export function dequantiseDynamic({ codes, absmax }: DynamicBlocks): Float32Array {
  return Float32Array.from(codes, (code, i) => DYNAMIC_MAP[code]! * absmax[Math.floor(i / DYNAMIC_BLOCK)]!);
}
