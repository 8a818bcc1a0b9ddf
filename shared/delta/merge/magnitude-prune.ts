import { weightedSum } from "./combine.ts";
import { elementwise } from "./elementwise.ts";
import { pruneSmallest } from "./prune.ts";

/** The weighted sum of the largest elements of each ΔW; peft's `magnitude_prune_svd`. */
export const magnitudePrune = elementwise(
  (terms, context) => weightedSum(terms.map((term) => pruneSmallest(term, context))),
  [],
);
