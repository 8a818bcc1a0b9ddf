import { type DynamicBlocks, dequantiseDynamic, quantiseDynamic } from "./dynamic-quantisation.ts";

/**
 * QLoRA's double quantisation: the float32 scales of 4-bit blocks, minus their mean, stored in 8 bits. For blocks of 64 this
 * cuts the cost of the scales from 0.5 to 0.127 bits per weight.
 */
export interface QuantisedScales extends DynamicBlocks {
  /** The mean of the scales. */
  readonly offset: number;
}

export function quantiseScales(absmax: Float32Array): QuantisedScales {
  const offset = mean(absmax);
  return { ...quantiseDynamic(absmax.map((scale) => scale - offset)), offset };
}

export function dequantiseScales(scales: QuantisedScales): Float32Array {
  return dequantiseDynamic(scales).map((scale) => scale + scales.offset);
}

/** PyTorch's summation: float32 lanes in an AVX2 register, independent accumulators, and levels of the cascade. */
const LANES = 8;
const STREAMS = 4;
const LEVELS = 4;

/**
 * The float32 mean, added up in the order that single-threaded PyTorch uses (`SumKernel.cpp`): the last bit of the offset
 * depends on that order. With several threads PyTorch splits more than 32,768 values into one run per thread, so the
 * reference itself then differs between machines.
 */
export function mean(values: Float32Array): number {
  if (values.length < LANES) return Math.fround(interleavedSums(values, 1)[0]! / values.length);
  const whole = values.length - (values.length % LANES);
  const lanes = interleavedSums(values.subarray(0, whole), LANES);
  const tail = values.subarray(whole).reduce((sum, value) => Math.fround(sum + value), 0);
  return Math.fround(lanes.reduce((sum, lane) => Math.fround(sum + lane), tail) / values.length);
}

/** Sums every `lanes`-th value, with four accumulators per sum. `values.length` must be a multiple of `lanes`. */
function interleavedSums(values: Float32Array, lanes: number): Float32Array {
  const width = STREAMS * lanes;
  const rows = Math.floor(values.length / width);
  const streams = cascade(values.subarray(0, rows * width), width);
  const sums = streams.slice(0, lanes);
  for (let i = rows * width; i < values.length; i++) sums[i % lanes]! += values[i]!;
  for (let i = lanes; i < width; i++) sums[i % lanes]! += streams[i]!;
  return sums;
}

/**
 * Sums the columns of [rows, width] hierarchically: runs of rows, then runs of those sums, and so on, so that only numbers
 * of similar magnitude are added.
 */
function cascade(values: Float32Array, width: number): Float32Array {
  const rows = values.length / width;
  const power = Math.max(4, Math.floor(Math.ceil(Math.log2(Math.max(2, rows))) / LEVELS));
  const run = 2 ** power;
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(width));
  const add = (to: Float32Array, from: Float32Array) => {
    for (let i = 0; i < width; i++) to[i]! += from[i]!;
  };
  const row = (i: number) => values.subarray(i * width, (i + 1) * width);
  let done = 0;
  while (done + run <= rows) {
    for (let i = 0; i < run; i++) add(levels[0]!, row(done++));
    for (let level = 1; level < LEVELS; level++) {
      add(levels[level]!, levels[level - 1]!);
      levels[level - 1]!.fill(0);
      // This level's own run is not full yet.
      if (done % run ** (level + 1) !== 0) break;
    }
  }
  while (done < rows) add(levels[0]!, row(done++));
  for (const level of levels.slice(1)) add(levels[0]!, level);
  return levels[0]!;
}
