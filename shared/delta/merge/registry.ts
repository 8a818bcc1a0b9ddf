import { cat } from "./cat.ts";
import { dare } from "./dare.ts";
import { dareTies } from "./dare-ties.ts";
import { linear } from "./linear.ts";
import { magnitudePrune } from "./magnitude-prune.ts";
import type { MergeMethod } from "./method.ts";
import { svd } from "./svd.ts";
import { ties } from "./ties.ts";

export const MERGE_METHODS = {
  linear,
  cat,
  svd,
  ties,
  dare,
  dare_ties: dareTies,
  magnitude_prune: magnitudePrune,
} as const satisfies Readonly<Record<string, MergeMethod>>;

export type MergeMethodName = keyof typeof MERGE_METHODS;
