import { meanOfAgreeing } from "./combine.ts";
import { elementwise } from "./elementwise.ts";
import { dropAtRandom } from "./prune.ts";

/** TIES-Merging with DARE's random dropping instead of trimming; peft's `dare_ties_svd`. */
export const dareTies = elementwise(
  (terms, context) =>
    meanOfAgreeing(
      terms.map((term) => dropAtRandom(term, context)),
      context,
    ),
  ["majoritySignMethod", "seed"],
);
