/**
 * 8-bit quantisation with bitsandbytes' signed dynamic map (Dettmers 2015, arXiv 1511.04561), bit for bit as its CPU kernel
 * computes it: each block of 256 values is divided by its largest magnitude, and each quotient is replaced by the index of a
 * nearby map entry. The entries are densest around zero. Every step rounds to float32, as in the reference.
 */
export const DYNAMIC_BLOCK = 256;

export interface DynamicBlocks {
  /** Indices into `DYNAMIC_MAP`. */
  readonly codes: Uint8Array;
  /** The largest magnitude of each block: ⌈count / 256⌉ values. */
  readonly absmax: Float32Array;
}

/**
 * ±10ⁱ⁻⁶ times the midpoints of 2ⁱ equal parts of [0.1, 1], for i = 0 … 6, plus 0 and 1, in ascending order. There is no −1,
 * so the map is not symmetric.
 */
export const DYNAMIC_MAP: Readonly<Float32Array> = dynamicMap();

function dynamicMap(): Float32Array {
  const entries = [0, 1];
  for (let power = 0; power < 7; power++) {
    const parts = 2 ** power;
    const scale = Math.fround(10 ** (power - 6));
    for (let part = 0; part < parts; part++) {
      const midpoint = Math.fround(boundary(part, parts) + boundary(part + 1, parts)) / 2;
      const entry = Math.fround(scale * midpoint);
      entries.push(entry, -entry);
    }
  }
  return Float32Array.from(entries).sort();
}

/** Boundary `i` of `parts` equal parts of [0.1, 1], computed from the nearer end as in PyTorch's linspace. */
function boundary(i: number, parts: number): number {
  const [start, end] = [Math.fround(0.1), 1];
  const step = Math.fround(Math.fround(end - start) / parts);
  return i < (parts + 1) / 2 ? Math.fround(start + step * i) : Math.fround(end - step * (parts - i));
}

/**
 * The kernel looks quotients up in a grid of 65,536 points over [−1, 1]. Each point holds the map entry nearest to it, the
 * lower one in a tie. Around zero the map is finer than the grid, so a quotient does not always get its nearest entry.
 */
const GRID = 65_535;
let grid: Uint8Array | undefined;

function gridCodes(): Uint8Array {
  return Uint8Array.from({ length: GRID + 1 }, (_, point) => nearestEntry(Math.fround((point * 2) / GRID - 1)));
}

function nearestEntry(x: number): number {
  const right = DYNAMIC_MAP.findIndex((entry) => entry >= x);
  if (right <= 0) return 0;
  const below = Math.fround(x - DYNAMIC_MAP[right - 1]!);
  return Math.fround(DYNAMIC_MAP[right]! - x) < below ? right : right - 1;
}

/** Quantises finite `values`. */
export function quantiseDynamic(values: Float32Array): DynamicBlocks {
  grid ??= gridCodes();
  const absmax = new Float32Array(Math.ceil(values.length / DYNAMIC_BLOCK));
  const codes = new Uint8Array(values.length);
  for (let block = 0; block < absmax.length; block++) {
    const part = values.subarray(block * DYNAMIC_BLOCK, (block + 1) * DYNAMIC_BLOCK);
    const largest = part.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    absmax[block] = largest;
    // A block of zeros keeps code 0: that entry is not zero, but the block's scale is.
    if (largest === 0) continue;
    const inverse = Math.fround(1 / largest);
    part.forEach((value, i) => {
      const x = Math.min(1, Math.max(-1, Math.fround(value * inverse)));
      const point = Math.fround(Math.fround(Math.fround(x + 1) * 0.5) * GRID);
      codes[block * DYNAMIC_BLOCK + i] = grid![Math.trunc(Math.fround(point + 0.5))]!;
    });
  }
  return { codes, absmax };
}

export function dequantiseDynamic({ codes, absmax }: DynamicBlocks): Float32Array {
  return Float32Array.from(codes, (code, i) => DYNAMIC_MAP[code]! * absmax[Math.floor(i / DYNAMIC_BLOCK)]!);
}
