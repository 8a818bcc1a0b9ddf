/**
 * Reads the lines of a supervised dataset, whatever their format, as one kind of example. The edge checks an upload with this and
 * the trainer reads it with this, so what was accepted can be trained on.
 */
import type { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { type JsonlOptions, parseJsonl } from "../formats/jsonl.ts";
import { quoteName } from "../formats/strict-json.ts";
import type { Example } from "./example.ts";
import { LINE_FORMATS } from "./line-formats/registry.ts";

export interface TrainingLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly example: Example;
}

/** Every line of a dataset that is in memory. Throws `invalid_file` at the first one that is wrong. */
export function* parseTrainingFile(
  bytes: Uint8Array,
  options: JsonlOptions = {},
): Generator<TrainingLine, void, undefined> {
  for (const { number, value } of parseJsonl(bytes, options)) {
    yield { line: number, example: parseTrainingLine(value, number, options.name) };
  }
}

/**
 * Reads one line. Throws `invalid_file` with the line's number, the field and what was wrong with it.
 * `file` is what the message calls the file.
 */
export function parseTrainingLine(value: unknown, line: number, file = "the file"): Example {
  const refuse = (problem: string, field?: string) =>
    new TrimtabError("invalid_file", `line ${line} of ${file}${problem}`, {
      data: { line, ...(field ? { field } : {}) },
    });
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse(" is not a JSON object");
  }
  const format = LINE_FORMATS.find(({ keys }) => keys.every((key) => Object.hasOwn(value, key)));
  if (format === undefined) {
    const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
    const known = LINE_FORMATS.map(({ name, keys }) => `${keys.join(" + ")} (${name})`).join("; ");
    throw refuse(` fits no known format: its fields are ${found}; expected ${known}`);
  }
  const result = format.schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues[0]!);
  const field = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  throw refuse(`: ${field ? `${field.replace(/^\./, "")}: ` : ""}${issue.message}`, field.replace(/^\./, ""));
}

/** Of a union's branches, the issue of the one that got furthest: it says what is wrong, not that nothing matched. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const branches = issue.errors.map((issues) => issues[0]).filter((first) => first !== undefined);
  const best = branches
    .map(deepest)
    .reduce<z.core.$ZodIssue | undefined>(
      (found, branch) => (branch.path.length > (found?.path.length ?? 0) ? branch : found),
      undefined,
    );
  return best === undefined ? issue : { ...best, path: [...issue.path, ...best.path] };
}
