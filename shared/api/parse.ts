import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { deepestIssue, demandOf, formatPath, isDiscriminated, type PlacedIssue, valueAt } from "../issue-words.ts";

const UNSUPPORTED = "is not supported by this server";

/**
 * The message for a field or value that this server does not support; its error code is `unsupported_parameter`.
 * `instead` names the field's neutral values, if it has any; `cannot` says what it asks for.
 */
export function notSupported(instead?: string, cannot?: string): string {
  const what = cannot === undefined ? UNSUPPORTED : `${UNSUPPORTED}, which cannot ${cannot}`;
  return instead === undefined ? `${what}; remove it` : `${what}; remove it or send ${instead}`;
}

/**
 * A field of OpenAI's API that must be absent. Unsupported fields are rejected by name, never ignored. A field with
 * neutral values has a schema of those values, with the error `notSupported(...)`.
 */
export function unsupported() {
  return z.null({ error: notSupported() }).optional();
}

/**
 * The error for a failed parse: `invalid_request` or `unsupported_parameter`. Its `param` is the first field to change, such
 * as `messages[2].content`. `value` is the parsed value.
 */
export function requestError(error: z.core.$ZodError, value: unknown): TrimtabError {
  const issue = error.issues[0];
  if (issue === undefined) return new TrimtabError("invalid_request", "The request is not valid.");
  return issueError(deepestIssue(issue, []), value);
}

function issueError({ issue, path }: PlacedIssue, root: unknown): TrimtabError {
  const param = formatPath(path);
  const details = param === "" ? {} : { param };
  if (issue.code === "unrecognized_keys") {
    const field = formatPath([...path, issue.keys[0] ?? ""]);
    return new TrimtabError("invalid_request", `Unknown field \`${field}\`; remove it or correct its name.`, {
      param: field,
    });
  }
  if (issue.code === "invalid_union" && isDiscriminated(issue)) {
    const options = "options" in issue && Array.isArray(issue.options) ? issue.options : [];
    const wanted = options.map((option) => JSON.stringify(option)).join(", ");
    const value = valueAt(root, path);
    if (value === undefined) {
      return new TrimtabError("invalid_request", `\`${param}\` is required: one of ${wanted}.`, details);
    }
    const message = `\`${param}\` must be one of ${wanted}; ${shown(value)} is not supported.`;
    return new TrimtabError("unsupported_parameter", message, details);
  }
  const code = issue.message.startsWith(UNSUPPORTED) ? "unsupported_parameter" : "invalid_request";
  if (valueAt(root, path) === undefined && issue.code !== "custom") {
    return new TrimtabError(code, param === "" ? "The body is missing." : `\`${param}\` is required.`, details);
  }
  return new TrimtabError(code, sentence(param, demandOf(issue)), details);
}

function sentence(param: string, message: string): string {
  const subject = param === "" ? "The body" : `\`${param}\``;
  return /^(must|is|are|has|needs) /.test(message) ? `${subject} ${message}.` : `${subject}: ${message}.`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
