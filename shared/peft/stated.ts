/** Settings as published files state them. */
import type { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { wordIssue } from "../issue-words.ts";
import { ADAPTER_CONFIG } from "./adapter-folder.ts";

/** The settings with defaults for what is not stated. Throws `invalid_delta` for a value with which no job can train. */
export function statedSettings<S>(schema: z.ZodType<S>, stated: Readonly<Record<string, unknown>>): S {
  const parsed = schema.safeParse(stated);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, stated);
  throw cannotResume(`${field} ${problem}`);
}

/** The error for an adapter whose training cannot go on. */
export function cannotResume(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", `${ADAPTER_CONFIG}: ${problem}`);
}
