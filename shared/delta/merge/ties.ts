import { meanOfAgreeing } from "./combine.ts";
import { elementwise } from "./elementwise.ts";
import { pruneSmallest } from "./prune.ts";

/**
 * TIES-Merging (Yadav et al., 2023): trim each ΔW to its largest elements, elect each element's sign, average what agrees
 * with it. Trimming counts the elements of one layer, as peft's `ties_svd` does, and not those of the whole model.
 */
export const ties = elementwise(
  (terms, context) =>
    meanOfAgreeing(
      terms.map((term) => pruneSmallest(term, context)),
      context,
    ),
  ["majoritySignMethod"],
);
