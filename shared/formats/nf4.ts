import { TrimtabError } from "../errors.ts";

/**
 * NF4, the 4-bit float of QLoRA (Dettmers et al. 2023, arXiv 2305.14314), bit for bit as bitsandbytes computes it on a CPU.
 *
 * The flattened tensor, in the layout of its file, is split into blocks of 64. A block is divided by its largest magnitude
 * (its absmax), and every quotient is replaced by the index of the nearest of 16 levels, which are quantiles of a normal
 * distribution. Two indices share a byte, the first in the high half. Every step rounds to float32, as in the reference.
 *
 * bitsandbytes 0.50.2 dequantises differently in one case: with AVX-512, a matrix whose width is a multiple of 16 but not
 * of 64 gets the scales of the wrong blocks, so the result also differs from its own for the flattened tensor.
 */
export const NF4_BLOCK = 64;

export const NF4_LEVELS: Readonly<Float32Array> = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

export interface Nf4Blocks {
  /** ⌈count / 2⌉ bytes of two level indices each. With an odd count, the last half byte is level 7, which is zero. */
  readonly packed: Uint8Array;
  /** The largest magnitude of each block: ⌈count / 64⌉ values. */
  readonly absmax: Float32Array;
}

/** Midpoints between neighbouring levels. A value exactly on a midpoint rounds to the lower level. */
const MIDPOINTS = NF4_LEVELS.slice(1).map((level, i) => Math.fround(level + NF4_LEVELS[i]!) / 2);

/**
 * A lookup table over [−1, 1], in bins narrower than the gaps between levels: the number of midpoints below each bin, and
 * the midpoint inside it, if any. Twice as fast as a search, which matters for hundreds of millions of weights.
 */
const BINS = 32;
const binOf = (x: number): number => ((x + 1) * BINS) | 0;
const BELOW = Uint8Array.from({ length: 2 * BINS + 1 }, (_, bin) => MIDPOINTS.filter((x) => binOf(x) < bin).length);
const WITHIN = Float32Array.from(
  BELOW,
  (_, bin) => MIDPOINTS.find((x) => binOf(x) === bin) ?? Number.POSITIVE_INFINITY,
);

/** The smallest divisor, so that a block of zeros is not divided by zero. */
const SMALLEST = Math.fround(1e-38);

/**
 * Quantises `values`; if they are part of a larger tensor, `offset` is the index of the first. Throws `non_finite` with the
 * index of a value that is NaN or infinite.
 */
export function quantiseNf4(values: Float32Array, offset = 0): Nf4Blocks {
  const count = values.length;
  const absmax = new Float32Array(Math.ceil(count / NF4_BLOCK));
  const packed = new Uint8Array(Math.ceil(count / 2));
  for (let block = 0; block < absmax.length; block++) {
    const start = block * NF4_BLOCK;
    const end = Math.min(start + NF4_BLOCK, count);
    const largest = largestMagnitude(values, { start, end, offset });
    const divisor = Math.max(largest, SMALLEST);
    const whole = end - start === NF4_BLOCK;
    // The reference multiplies full blocks by the reciprocal but divides a short last block.
    const inverse = Math.fround(1 / divisor);
    absmax[block] = whole ? largest : divisor;
    for (let i = start; i < end; i += 2) {
      const first = level(Math.fround(whole ? values[i]! * inverse : values[i]! / divisor));
      const next = i + 1 < end ? values[i + 1]! : 0;
      packed[i >> 1] = (first << 4) | level(Math.fround(whole ? next * inverse : next / divisor));
    }
  }
  return { packed, absmax };
}

/** Restores `count` float32 values: level × absmax. Throws `invalid_model` when the lengths do not match. */
export function dequantiseNf4({ packed, absmax }: Nf4Blocks, count: number): Float32Array {
  const expected = { packed: Math.ceil(count / 2), absmax: Math.ceil(count / NF4_BLOCK) };
  if (packed.length !== expected.packed || absmax.length !== expected.absmax) {
    throw new TrimtabError(
      "invalid_model",
      `${count} NF4 values need ${expected.packed} bytes and ${expected.absmax} scales, but got ${packed.length} and ${absmax.length}`,
    );
  }
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const pair = packed[i >> 1]!;
    const index = (i & 1) === 0 ? pair >> 4 : pair & 15;
    values[i] = NF4_LEVELS[index]! * absmax[Math.floor(i / NF4_BLOCK)]!;
  }
  return values;
}

function largestMagnitude(
  values: Float32Array,
  { start, end, offset }: { readonly start: number; readonly end: number; readonly offset: number },
): number {
  let largest = 0;
  for (let i = start; i < end; i++) {
    const magnitude = Math.abs(values[i]!);
    if (!(magnitude <= Number.MAX_VALUE)) {
      throw new TrimtabError("non_finite", `value ${offset + i} is ${values[i]}, which cannot be quantised to 4 bits`);
    }
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** The index of the level nearest to x, which is the number of midpoints below x. */
function level(x: number): number {
  const bin = binOf(x);
  return BELOW[bin]! + (x > WITHIN[bin]! ? 1 : 0);
}
