import { TrimtabError } from "../../../shared/errors.ts";

/** Names between commas as those of rules. Throws `invalid_request`, listing what there is. */
export function ruleNames<T extends string>(text: string, known: readonly T[], param: string): T[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !known.some((each) => each === name));
  if (unknown === undefined) return [...new Set(names)] as T[];
  const message = `--${param} names ${JSON.stringify(unknown)}, which is no rule. The rules are ${known.join(", ")}.`;
  throw new TrimtabError("invalid_request", message, { param });
}
