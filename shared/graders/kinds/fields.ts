/** Fields that several kinds of graders have. */
import { z } from "zod";
import { LIMITS } from "../../limits.ts";
import type { Flaw } from "../errors.ts";
import { type Observation, render } from "../render.ts";
import { parseTemplate } from "../template.ts";

export const graderName = z.string().min(1).max(256).meta({ description: "Of your choice" });

export const template = (what: string) =>
  z
    .string()
    .max(LIMITS.graderTemplate)
    .meta({ description: `${what}; {{item.…}} and {{sample.output_text}} are filled in` });

/** What two kinds compare. */
export const comparedFields = {
  input: template("The text that is graded"),
  reference: template("The text it is held to"),
};
export interface Compared {
  readonly input: string;
  readonly reference: string;
}

export function checkCompared({ input, reference }: Compared, at: string): void {
  parseTemplate(input, `${at}.input`);
  parseTemplate(reference, `${at}.reference`);
}

/** Both texts filled in, or what the sample lacks. */
export function renderCompared(
  { input, reference }: Compared,
  { observation, at }: { readonly observation: Observation; readonly at: string },
): Compared | { readonly flaw: Flaw } {
  const a = render(input, observation, `${at}.input`);
  const b = render(reference, observation, `${at}.reference`);
  if ("flaw" in a) return a;
  if ("flaw" in b) return b;
  return { input: a.text, reference: b.text };
}
