import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface SweepGolden {
  readonly cases: readonly {
    readonly texts: number[][];
    readonly logprobs: number[][];
    readonly distinct: readonly (number | null)[];
    readonly repetition: number | null;
    readonly perplexity: number;
  }[];
  readonly bootstrap: {
    readonly sums: number[];
    readonly counts: number[];
    readonly low: number;
    readonly high: number;
  };
  readonly quantiles: { readonly values: number[]; readonly at: number[]; readonly quantiles: number[] };
}

export const GOLDEN = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../golden/sweep/statistics.json"), "utf8"),
) as SweepGolden;
