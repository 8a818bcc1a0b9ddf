import { readFileSync } from "node:fs";
import { EditFact } from "../../../shared/edits/fact.ts";
import { messageOf, TrimtabError } from "../../../shared/errors.ts";
import { parseJsonl } from "../../../shared/formats/jsonl.ts";
import { wordIssue } from "../../../shared/issue-words.ts";

export interface FactOptions {
  readonly prompt?: string | undefined;
  readonly subject?: string | undefined;
  readonly target?: string | undefined;
  /** What follows the prompt so far. */
  readonly true?: string | undefined;
}

/**
 * The facts of a JSONL file, or the one that the flags state.
 *
 * @throws TrimtabError invalid_request for no fact or half of one, invalid_file with the line that is wrong.
 */
export function readFacts(file: string | undefined, flags: FactOptions): EditFact[] {
  const { prompt, subject, target, true: known } = flags;
  if (file === undefined) {
    const missing = Object.entries({ prompt, subject, target }).flatMap(([name, value]) =>
      value === undefined ? [name] : [],
    );
    if (missing.length > 0) {
      const names = missing.map((name) => `--${name}`).join(", ");
      throw new TrimtabError(
        "invalid_request",
        `Give a file of facts, or one fact with --prompt, --subject and --target: ${names} missing.`,
      );
    }
    return [
      EditFact.parse({ prompt, subject, target_new: target, ...(known === undefined ? {} : { target_true: known }) }),
    ];
  }
  if ([prompt, subject, target, known].some((value) => value !== undefined)) {
    throw new TrimtabError("invalid_request", "Give a file of facts or one fact with flags, not both.");
  }
  return factsOf(contents(file), file);
}

function contents(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new TrimtabError("invalid_request", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function factsOf(bytes: Uint8Array, name: string): EditFact[] {
  return [...parseJsonl(bytes, { name })].map(({ number, value }) => {
    const parsed = EditFact.safeParse(value);
    if (parsed.success) return parsed.data;
    const { field, problem } = wordIssue(parsed.error, value);
    throw new TrimtabError("invalid_file", `${name}, line ${number}: ${field} ${problem}`);
  });
}
