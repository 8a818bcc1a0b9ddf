import { z } from "zod";
import { type Filter, PASSED } from "./filter.ts";

const Settings = z.strictObject({});

/** Rejects an instruction whose words are those of another one. */
export const duplicates: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "instruction",
  check: ({ instruction }, _, { pool }) =>
    pool.has(instruction) ? { reason: "the same instruction is there already" } : PASSED,
};
