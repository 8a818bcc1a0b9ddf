import { z } from "zod";
import { flawed, graderKind } from "../kind.ts";
import { checkCompared, comparedFields, graderName, renderCompared } from "./fields.ts";

const OPERATIONS = {
  eq: (input: string, reference: string) => input === reference,
  ne: (input: string, reference: string) => input !== reference,
  like: (input: string, reference: string) => input.includes(reference),
  ilike: (input: string, reference: string) => input.toLowerCase().includes(reference.toLowerCase()),
} as const;

/** 1 where the input is, is not or contains the reference; otherwise 0. */
export const stringCheck = graderKind({
  type: "string_check",
  schema: z
    .strictObject({
      type: z.literal("string_check"),
      name: graderName,
      operation: z.enum(["eq", "ne", "like", "ilike"]).meta({
        description: "The input is the reference, is not, contains it, or contains it in whatever case",
      }),
      ...comparedFields,
    })
    .meta({ id: "StringCheckGrader" }),
  check: checkCompared,
  models: () => [],
  grade(grader, context) {
    const texts = renderCompared(grader, context);
    if ("flaw" in texts) return flawed(texts.flaw);
    return { score: OPERATIONS[grader.operation](texts.input, texts.reference) ? 1 : 0, usage: [] };
  },
});
