import { parseStrictJson } from "../formats/strict-json.ts";
import { familyOf } from "./family.ts";
import { folderNameProblems } from "./folder-names.ts";
import { isObject } from "./json-fields.ts";
import { type ModelProblem, throwProblems } from "./problems.ts";

const CONFIG = "config.json";

/**
 * Recognises a folder that cannot be a base model before anything is sent: a family that is not supported, files of another
 * format, and files that are missing. Throws `invalid_model` with all that has to change, the family first.
 */
export function requireModelFolder(names: readonly string[], read: (name: string) => Uint8Array): void {
  const problems: ModelProblem[] = [];
  const json = names.includes(CONFIG)
    ? parseStrictJson(new TextDecoder().decode(read(CONFIG)), CONFIG, "invalid_model")
    : undefined;
  if (isObject(json)) {
    const family = familyOf(json);
    if ("reason" in family) problems.push({ file: CONFIG, field: family.field, reason: family.reason });
  }
  problems.push(...folderNameProblems(names));
  throwProblems(problems);
}
