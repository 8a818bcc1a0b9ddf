import { z } from "zod";
import { countWords } from "../words.ts";
import { type Filter, PASSED } from "./filter.ts";

const Settings = z
  .strictObject({
    min_words: z.int().min(0).max(10_000).default(4),
    max_words: z.int().min(1).max(10_000).default(150),
  })
  .refine(({ min_words: least, max_words: most }) => least <= most, {
    path: ["max_words"],
    message: "must not be below min_words",
  });

/** Rejects instructions that are too short to say anything, or too long to be one task. */
export const length: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "instruction",
  check({ instruction }, { min_words: least, max_words: most }) {
    const words = countWords(instruction);
    if (words >= least && words <= most) return PASSED;
    return { reason: `its instruction has ${words} words`, score: words };
  },
};
