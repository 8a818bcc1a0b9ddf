/** How long things are: their distribution, in full while it is small, and as a histogram. */
import { GrowingArray } from "./near/growing-array.ts";

export interface LengthFigures {
  readonly count: number;
  readonly total: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** How many are from `from` on, and below `to`; edges are the same for every file, so that histograms compare. */
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly count: number }[];
}

/** 0, 8, 16, 24, 32, 48, 64, 96, 128, …: two bins for each doubling. */
const EDGES = [0, 8, ...Array.from({ length: 25 }, (_, k) => [16 << k, 24 << k]).flat()].filter(
  (edge) => edge <= 2 ** 28,
);

export class Lengths {
  readonly #values = new GrowingArray();
  #total = 0;

  add(length: number): void {
    this.#values.append([length]);
    this.#total += length;
  }

  /** null where nothing was added. */
  get figures(): LengthFigures | null {
    const count = this.#values.length;
    if (count === 0) return null;
    const sorted = this.#values.data.slice(0, count).sort();
    /** The smallest length that at least that share is not longer than. */
    const percentile = (share: number) => sorted[Math.max(0, Math.ceil(share * count) - 1)]!;
    const histogram: { from: number; to: number; count: number }[] = [];
    let at = 0;
    for (let k = 0; k + 1 < EDGES.length && at < count; k++) {
      const [from, to] = [EDGES[k]!, EDGES[k + 1]!];
      const first = at;
      while (at < count && sorted[at]! < to) at += 1;
      if (at > first || histogram.length > 0) histogram.push({ from, to, count: at - first });
    }
    return {
      count,
      total: this.#total,
      min: sorted[0]!,
      mean: this.#total / count,
      p50: percentile(0.5),
      p95: percentile(0.95),
      max: sorted[count - 1]!,
      histogram,
    };
  }
}
