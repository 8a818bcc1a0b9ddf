import { z } from "zod";
import { TrimtabError } from "../errors.ts";

const UNSUPPORTED = "is not supported by this server";

/**
 * The message for a field or value that this server does not support; its error code is `unsupported_parameter`. `instead`
 * names the values that ask for nothing, where the field has any.
 */
export function notSupported(instead?: string): string {
  return instead === undefined ? `${UNSUPPORTED}; remove it` : `${UNSUPPORTED}; remove it or send ${instead}`;
}

/**
 * A field of OpenAI's API that has to be absent. Unsupported fields are rejected by name, never ignored. One with values that
 * ask for nothing has a schema of those values, with the error `notSupported(...)`.
 */
export function unsupported() {
  return z.null({ error: notSupported() }).optional();
}

type Issue = z.core.$ZodIssue;

/**
 * The error for a failed parse: `invalid_request` or `unsupported_parameter`. Its `param` is the first field to change, such
 * as `messages[2].content`. `value` is the parsed value.
 */
export function requestError(error: z.core.$ZodError, value: unknown): TrimtabError {
  const issue = error.issues[0];
  if (issue === undefined) return new TrimtabError("invalid_request", "The request is not valid.");
  return issueError(issue, [], value);
}

function issueError(issue: Issue, prefix: readonly PropertyKey[], root: unknown): TrimtabError {
  const path = [...prefix, ...issue.path];
  const param = formatPath(path);
  const details = param === "" ? {} : { param };
  if (issue.code === "unrecognized_keys") {
    const field = formatPath([...path, issue.keys[0] ?? ""]);
    return new TrimtabError("invalid_request", `Unknown field \`${field}\`; remove it or correct its name.`, {
      param: field,
    });
  }
  if (issue.code === "invalid_union") {
    if ("discriminator" in issue && issue.discriminator !== undefined) {
      const options = "options" in issue && Array.isArray(issue.options) ? issue.options : [];
      const wanted = options.map((option) => JSON.stringify(option)).join(", ");
      const value = valueAt(root, path);
      if (value === undefined) {
        return new TrimtabError("invalid_request", `\`${param}\` is required: one of ${wanted}.`, details);
      }
      const got = shown(value);
      return new TrimtabError(
        "unsupported_parameter",
        `\`${param}\` must be one of ${wanted}; ${got} is not supported.`,
        details,
      );
    }
    if (param !== "" && valueAt(root, path) === undefined) {
      return new TrimtabError("invalid_request", `\`${param}\` is required.`, details);
    }
    return unionError(issue.errors, path, root);
  }
  const code = issue.message.startsWith(UNSUPPORTED) ? "unsupported_parameter" : "invalid_request";
  if (valueAt(root, path) === undefined && issue.code !== "custom") {
    return new TrimtabError(code, param === "" ? "The body is missing." : `\`${param}\` is required.`, details);
  }
  return new TrimtabError(code, sentence(param, demand(issue)), details);
}

const TYPES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "an integer",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** What an issue requires, phrased to end a sentence. A schema's own message is unchanged. */
function demand(issue: Issue): string {
  if (!/^(Invalid|Too|Unrecognized)/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return `must be ${TYPES[issue.expected] ?? `a ${issue.expected}`}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "invalid_key":
      return demand(issue.issues[0] ?? issue);
    case "too_big":
      return `must ${bound(issue.origin, issue.inclusive ? "at most" : "less than", issue.maximum)}`;
    case "too_small":
      return `must ${bound(issue.origin, issue.inclusive ? "at least" : "more than", issue.minimum)}`;
    default:
      return issue.message;
  }
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === "string") return `have ${relation} ${limit} characters`;
  return origin === "array" ? `have ${relation} ${limit} entries` : `be ${relation} ${limit}`;
}

/** Reports the branch that got furthest, or what all branches require if none got past the value itself. */
function unionError(
  branches: readonly (readonly Issue[])[],
  path: readonly PropertyKey[],
  root: unknown,
): TrimtabError {
  const param = formatPath(path);
  const firsts = branches.flatMap((issues) => issues.slice(0, 1));
  const deepest = firsts.toSorted((a, b) => b.path.length - a.path.length)[0];
  const specific = firsts.find((issue) => issue.code !== "invalid_type" && issue.code !== "invalid_value");
  const chosen = deepest !== undefined && deepest.path.length > 0 ? deepest : specific;
  if (chosen !== undefined) return issueError(chosen, path, root);
  const wanted = [...new Set(firsts.map(demand))].join(", or ").replaceAll(", or must be", " or");
  return new TrimtabError("invalid_request", sentence(param, wanted), param === "" ? {} : { param });
}

function sentence(param: string, message: string): string {
  const subject = param === "" ? "The body" : `\`${param}\``;
  return /^(must|is|are|has|needs) /.test(message) ? `${subject} ${message}.` : `${subject}: ${message}.`;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === "object" && value !== null ? Reflect.get(value, part) : undefined),
    root,
  );
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
