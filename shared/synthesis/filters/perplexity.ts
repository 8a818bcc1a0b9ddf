import { z } from "zod";
import { type Filter, shown } from "./filter.ts";

const Settings = z
  .strictObject({
    min: z.number().min(1).default(1).meta({ description: "Below it, the output is what the model writes by rote" }),
    max: z.number().min(1).default(1000).meta({ description: "Above it, the output is noise to the model" }),
  })
  .refine(({ min, max }) => min <= max, { path: ["max"], message: "must not be below min" });

/** Keeps a band of perplexities of the output behind its instruction, by the job's own model. */
export const perplexity: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "example",
  needs: "perplexity",
  check({ perplexity: value }, { min, max }) {
    if (value === undefined)
      return { reason: "its perplexity could not be measured: it leaves no room in the context" };
    if (value < min) return { reason: `its perplexity is ${shown(value)}, below ${min}`, score: value };
    if (value > max) return { reason: `its perplexity is ${shown(value)}, above ${max}`, score: value };
    return { reason: null, score: value };
  },
};
