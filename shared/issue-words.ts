/**
 * zod's issues in plain sentences: the one place that phrases schema errors, for requests, files and settings alike.
 */
import type { z } from "zod";

export type Issue = z.core.$ZodIssue;

/** What was wrong and where. */
export interface WordedIssue {
  /** `messages[2].content`; empty where the value itself is wrong. */
  readonly field: string;
  /** What the field must be, phrased to follow its name: `must be a string`. */
  readonly problem: string;
}

/** The first error of a schema in `value`; in a union, that of the branch that got furthest. */
export function wordIssue(error: z.core.$ZodError, value: unknown): WordedIssue {
  const [first] = error.issues;
  if (first === undefined) return { field: "", problem: "is not valid" };
  const { issue, path } = deepestIssue(first, []);
  if (issue.code === "unrecognized_keys") {
    return {
      field: formatPath([...path, issue.keys[0] ?? ""]),
      problem: "is an unknown field; remove it or correct its name",
    };
  }
  const missing = valueAt(value, path) === undefined && issue.code !== "custom" && path.length > 0;
  return { field: formatPath(path), problem: missing && isRaw(issue) ? "is required" : demandOf(issue) };
}

/** An issue with the whole path to it. */
export interface PlacedIssue {
  readonly issue: Issue;
  readonly path: readonly PropertyKey[];
}

/**
 * The issue to report: in a union, that of the branch that got furthest, if a branch got past the value itself or
 * rejected it for more than its type; otherwise the issue itself.
 */
export function deepestIssue(issue: Issue, prefix: readonly PropertyKey[]): PlacedIssue {
  const path = [...prefix, ...issue.path];
  if (issue.code !== "invalid_union" || isDiscriminated(issue)) return { issue, path };
  const firsts = issue.errors.flatMap((issues) => issues.slice(0, 1)).map((first) => deepestIssue(first, path));
  const deepest = firsts.toSorted((a, b) => b.path.length - a.path.length || placeOf(b, a) - placeOf(a, b))[0];
  // Where a list's first entry is of another kind, that branch was not meant; one that counts the list may be.
  const isOther = deepest?.path.length === path.length + 1 && deepest.path.at(-1) === 0 && isOfType(deepest);
  const counted = firsts.find(({ issue: { code }, path: at }) => at.length === path.length && COUNTS.has(code));
  if (isOther && counted !== undefined) return counted;
  if (deepest !== undefined && deepest.path.length > path.length) return deepest;
  return firsts.find((first) => !isOfType(first) && first.issue.code !== "invalid_union") ?? { issue, path };
}

const COUNTS: ReadonlySet<string> = new Set(["too_big", "too_small"]);
const isOfType = ({ issue: { code } }: PlacedIssue) => code === "invalid_type" || code === "invalid_value";

/** Of two places, the entry of the one where they part ways: a branch that got to a later entry got further. */
function placeOf({ path }: PlacedIssue, other: PlacedIssue): number {
  const at = path.findIndex((key, depth) => key !== other.path[depth]);
  const key = path[at];
  return typeof key === "number" ? key : 0;
}

/** Whether a field such as `type` selects the branch of a union. */
export function isDiscriminated(issue: Issue): boolean {
  return "discriminator" in issue && issue.discriminator !== undefined;
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
  undefined: "left out",
  never: "left out",
};

/** Whether the message is zod's own, not the schema's. */
const isRaw = ({ message }: Issue) => /^(Invalid|Too|Unrecognized)/.test(message);

/** What an issue requires, phrased to end a sentence. A schema's own message is unchanged. */
export function demandOf(issue: Issue): string {
  if (!isRaw(issue)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return `must be ${TYPES[issue.expected] ?? `a ${issue.expected}`}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "invalid_key":
    case "invalid_element":
      return demandOf(issue.issues[0] ?? { ...issue, code: "custom", path: [] });
    case "invalid_format":
      return issue.format === "regex" ? `must match ${issue.pattern}` : `must be a valid ${issue.format}`;
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "too_big":
      return bound(issue.origin, issue.inclusive ? "at most" : "less than", issue.maximum);
    case "too_small":
      return bound(issue.origin, issue.inclusive ? "at least" : "more than", issue.minimum);
    case "unrecognized_keys":
      return `must not have the field ${JSON.stringify(issue.keys[0])}`;
    case "invalid_union":
      return unionDemand(issue.errors);
    default:
      return "is not valid";
  }
}

function unionDemand(branches: readonly (readonly Issue[])[]): string {
  const demands = branches.flatMap((issues) => issues.slice(0, 1)).map(demandOf);
  return demands.length === 0 ? "is not valid" : [...new Set(demands)].join(", or ").replaceAll(", or must be", " or");
}

const COUNTED: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["entry", "entries"],
  set: ["entry", "entries"],
  map: ["entry", "entries"],
};

function bound(origin: string, relation: string, limit: number | bigint): string {
  const counted = COUNTED[origin];
  if (counted === undefined) return `must be ${relation} ${limit}`;
  if (relation === "at least" && Number(limit) === 1) return "must not be empty";
  if (relation === "at most" && Number(limit) === 0) return "must be empty";
  return `must have ${relation} ${limit} ${counted[Number(limit) === 1 ? 0 : 1]}`;
}

/** `messages[2].content` */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

/** The value at a path; undefined where there is none. */
export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === "object" && value !== null ? Reflect.get(value, part) : undefined),
    root,
  );
}
