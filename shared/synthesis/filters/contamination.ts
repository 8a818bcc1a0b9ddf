import { z } from "zod";
import { overlapsOf, wordsOf } from "../words.ts";
import { type Filter, PASSED } from "./filter.ts";

const Settings = z.strictObject({
  n: z
    .int()
    .min(2)
    .max(50)
    .default(8)
    .meta({ description: "Words in a row that must not also be in the validation file" }),
});

/** Rejects examples that share words in a row with the evaluation set. */
export const contamination: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "example",
  check({ instruction, output }, { n }, { evaluation }) {
    const known = evaluation(n);
    const shared = overlapsOf(wordsOf(`${instruction}\n${output ?? ""}`), n).find((gram) => known.has(gram));
    return shared === undefined ? PASSED : { reason: `the validation file has ${JSON.stringify(shared)} too` };
  },
};
