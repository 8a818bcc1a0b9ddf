import { z } from "zod";
import { type Filter, PASSED, shown } from "./filter.ts";

const Settings = z.strictObject({
  max: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .meta({ description: "The greatest ROUGE-L with any instruction of the pool" }),
});

/** Rejects an instruction that is too near to one that is there, as Self-Instruct (Wang et al., 2023) does. */
export const rouge: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "instruction",
  check({ instruction }, { max }, { pool }) {
    const near = pool.closest(instruction, max);
    if (near === null) return PASSED;
    return {
      reason: `its ROUGE-L with ${JSON.stringify(near.text.slice(0, 80))} is ${shown(near.score)}`,
      score: near.score,
    };
  },
};
