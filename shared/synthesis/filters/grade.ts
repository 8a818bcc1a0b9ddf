import { z } from "zod";
import { Grader } from "../../graders/registry.ts";
import { type Filter, shown } from "./filter.ts";

const Settings = z.strictObject({
  grader: Grader.meta({
    description:
      "Grades the output as `sample`, with the instruction as `item.instruction`; its models are asked over the API",
  }),
  min: z.number().default(0.5).meta({ description: "The least grade that is kept" }),
});

/** Keeps what a grader, or a model as a judge, finds good enough. */
export const grade: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "example",
  needs: "grade",
  check({ grade: value }, { min }) {
    if (value === undefined || value === null) return { reason: "the grader could not grade it" };
    return { reason: value < min ? `its grade is ${shown(value)}, below ${min}` : null, score: value };
  },
};
