import { TrimtabError } from "../errors.ts";

/**
 * NF4, the 4-bit float of QLoRA (Dettmers et al. 2023, arXiv 2305.14314), bit for bit as bitsandbytes computes it on a CPU.
 *
 * The tensor is taken flattened, as its file holds it, in blocks of 64. A block is divided by its largest magnitude, its
 * absmax, and every quotient becomes the number of the nearest of 16 levels, the quantiles of a normal distribution.
 * Two numbers share a byte, the first in the high half. Every step rounds to float32, since the reference does. Its version
 * 0.50.2 restores otherwise only where AVX-512 meets a matrix whose width is a multiple of 16 and not of 64: there it takes
 * scales of other blocks than it quantised with, and differs from itself on the flattened tensor.
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
  /** ⌈count / 2⌉ bytes of two level numbers each; the last half of an odd count holds level 7, which is zero. */
  readonly packed: Uint8Array;
  /** The largest magnitude of every block: ⌈count / 64⌉. */
  readonly absmax: Float32Array;
}

/** A value exactly in the middle of two levels takes the lower one. */
const MIDDLES = NF4_LEVELS.slice(1).map((level, i) => Math.fround(level + NF4_LEVELS[i]!) / 2);

/**
 * [−1, 1] in bins that are narrower than the levels lie apart: how many middles lie in the bins below, and the one middle
 * that may lie in the bin itself. Weights come by the hundred million, and this is twice as fast as a search.
 */
const BINS = 32;
const binOf = (x: number): number => ((x + 1) * BINS) | 0;
const BELOW = Uint8Array.from({ length: 2 * BINS + 1 }, (_, bin) => MIDDLES.filter((x) => binOf(x) < bin).length);
const WITHIN = Float32Array.from(BELOW, (_, bin) => MIDDLES.find((x) => binOf(x) === bin) ?? Number.POSITIVE_INFINITY);

/** What a block of zeros, or of smaller numbers, is divided by. */
const SMALLEST = Math.fround(1e-38);

/**
 * Quantises `values`, from the one numbered `offset` on where they are a part of a tensor. Throws `non_finite` with the number
 * of one that is NaN or infinite: its block would have no scale.
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
    // The reference multiplies a whole block by the reciprocal, but divides the shorter one at the end.
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

/** The float32 values of `count` quantised ones: level times absmax. */
export function dequantiseNf4({ packed, absmax }: Nf4Blocks, count: number): Float32Array {
  const expected = { packed: Math.ceil(count / 2), absmax: Math.ceil(count / NF4_BLOCK) };
  if (packed.length !== expected.packed || absmax.length !== expected.absmax) {
    throw new TrimtabError(
      "invalid_model",
      `${count} NF4 values take ${expected.packed} bytes and ${expected.absmax} scales, but there are ${packed.length} and ${absmax.length}`,
    );
  }
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const pair = packed[i >> 1]!;
    const number = (i & 1) === 0 ? pair >> 4 : pair & 15;
    values[i] = NF4_LEVELS[number]! * absmax[Math.floor(i / NF4_BLOCK)]!;
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
      throw new TrimtabError("non_finite", `value ${offset + i} is ${values[i]}, which has no 4-bit form`);
    }
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** How many middles lie below x. */
function level(x: number): number {
  const bin = binOf(x);
  return BELOW[bin]! + (x > WITHIN[bin]! ? 1 : 0);
}
