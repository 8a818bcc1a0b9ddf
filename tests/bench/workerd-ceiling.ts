import type { BenchWorker } from "./in-workerd.ts";
import { median } from "./median.ts";

/** The matrices that a ceiling is measured with, one product after the other. */
export const MATRICES = { count: 8, size: 1024, rows: 512 } as const;

/** One thing that measures it: the products of many rows with the matrices, or of one row. */
export interface CeilingRound {
  readonly op: "gemm" | "gemv";
  readonly times: number;
}

/** What one WASM thread does at best. */
export interface WorkerdCeiling {
  /** By large products. */
  readonly gemmGflops: number;
  /** By a row times matrices, which memory bounds. */
  readonly gemvGbPerSecond: number;
}

/** Measures the ceiling in between other rounds of the same worker; the result is the median of what was taken. */
export function ceilingMeter(worker: Pick<BenchWorker<CeilingRound>, "run">) {
  const [gemm, gemv]: [number[], number[]] = [[], []];
  const numbers = MATRICES.count * MATRICES.size ** 2;
  return {
    take: async (): Promise<void> => {
      gemm.push((await worker.run({ op: "gemm", times: 1 })).ms);
      gemv.push((await worker.run({ op: "gemv", times: 20 })).ms);
    },
    result: (): WorkerdCeiling => ({
      gemmGflops: (2 * MATRICES.rows * numbers) / median(gemm) / 1e6,
      gemvGbPerSecond: (4 * numbers) / median(gemv) / 1e6,
    }),
  };
}
