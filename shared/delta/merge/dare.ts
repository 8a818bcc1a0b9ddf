import { weightedSum } from "./combine.ts";
import { elementwise } from "./elementwise.ts";
import { dropAtRandom } from "./prune.ts";

/**
 * DARE (Yu et al., "Language Models are Super Mario", 2024): drop elements of each ΔW at random, scale the others by
 * 1/density, and sum; peft's `dare_linear_svd`. Equal seeds drop the same elements.
 */
export const dare = elementwise(
  (terms, context) => weightedSum(terms.map((term) => dropAtRandom(term, context))),
  ["seed"],
);
