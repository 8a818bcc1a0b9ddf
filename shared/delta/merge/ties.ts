import { meanOfAgreeing } from "./combine.ts";
import { elementwise } from "./elementwise.ts";
import { pruneSmallest } from "./prune.ts";

/**
 * TIES-Merging (Yadav et al., 2023): trim each ΔW to its largest elements, elect a sign for each element, and average the
 * values that agree with it. Like peft's `ties_svd`, trims within each layer rather than across the whole model.
 */
export const ties = elementwise(
  (terms, context) =>
    meanOfAgreeing(
      terms.map((term) => pruneSmallest(term, context)),
      context,
    ),
  ["majoritySignMethod"],
);
