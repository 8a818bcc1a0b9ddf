/** The answer that a text gives, for texts that are compared by their answers. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { PatternBudget, parseTextPattern } from "../peft/module-pattern.ts";

const pattern = z
  .string()
  .min(1)
  .max(LIMITS.answerPattern)
  .superRefine((source, context) => {
    const parsed = parseTextPattern(source);
    if ("problem" in parsed)
      context.addIssue({ code: "custom", message: `must be a pattern: this one ${parsed.problem}` });
  });

export const Answer = z.union([
  z
    .enum(["last_line", "last_number"])
    .meta({ description: "The last line with a letter or digit in it, or the last number" }),
  z.strictObject({
    regex: pattern.meta({
      description: "The last match is the answer; look-arounds such as `(?<=answer: )` may say what stands beside it",
    }),
  }),
]);
export type Answer = z.infer<typeof Answer>;

/** null for a text that has none, or none that is found within the limits. Numbers are compared by value, other answers as trimmed text. */
export function findAnswer(text: string, how: Answer): string | null {
  // A long text's answer is at its end.
  const end = text.slice(-LIMITS.answerText);
  if (how === "last_number") return lastNumber(end);
  if (how === "last_line") return lastLine(end);
  const parsed = parseTextPattern(how.regex);
  if ("problem" in parsed) return null;
  const found = parsed.last(end, new PatternBudget(LIMITS.answerSteps))?.trim() ?? "";
  return found === "" ? null : found;
}

function lastLine(text: string): string | null {
  const lines = text.split(/[\r\n]/).map((line) => line.trim());
  return lines.findLast((line) => /[\p{L}\p{N}]/u.test(line)) ?? null;
}

/** Commas between digits are left out. 15 digits are what a number holds exactly; longer ones are compared as they are written. */
function lastNumber(text: string): string | null {
  const [number] = Array.from(text.matchAll(/(?:(?<![\w.])-)?\d[\d,]*(?:\.\d+)?/g), ([found]) => found).slice(-1);
  if (number === undefined) return null;
  const plain = number.replaceAll(",", "");
  return plain.replace(/\D/g, "").length <= 15 ? String(Number(plain)) : plain;
}
