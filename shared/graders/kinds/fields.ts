/** Fields that several kinds of graders have. */
import { z } from "zod";
import { LIMITS } from "../../limits.ts";
import type { Flaw } from "../errors.ts";
import { type Observation, render } from "../render.ts";
import { parseTemplate } from "../template.ts";

export const graderName = z.string().min(1).max(256).meta({ description: "Of your choice" });

/** OpenAI's evaluations pass and fail by it; rewards are the scores themselves, there and here. */
export const passThreshold = z.number().optional().meta({
  description: "Where an evaluation would call a score passed; the reward is the score itself, whatever this says",
});

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
