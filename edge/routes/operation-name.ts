/** Names of operations in the OpenAPI document, which client generators turn into method names. */

/** Last words of a path that name an action. */
const VERBS: ReadonlySet<string> = new Set(
  "cancel pause resume rollback publish merge complete fail release heartbeat validate compare run export inspect judge".split(
    " ",
  ),
);
const SINGULAR: Readonly<Record<string, string>> = { aliases: "alias", leases: "lease", responses: "response" };
/** Words that name a collection without an -s. */
const COLLECTIONS: ReadonlySet<string> = new Set(["feedback"]);
/** Singular words that end in -s. */
const UNCOUNTABLE: ReadonlySet<string> = new Set(["metrics"]);

/**
 * `createFile` for POST /v1/files, `listFiles` and `getFile` for GET, `cancelFineTuningJob` for POST
 * /v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel. Paths that differ in more than the names of their parameters get
 * different names.
 *
 * @param method in lower case
 * @param path with parameters in braces
 */
export function operationName(method: string, path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== "v1");
  const isParameter = (segment: string | undefined): boolean => segment?.startsWith("{") === true;
  const last = segments.at(-1) ?? "";
  if (method === "post" && VERBS.has(last)) return camel([last, ...nouns(segments.slice(0, -1), isParameter)]);
  const named = nouns(segments, isParameter);
  const word = named.at(-1) ?? "";
  if (isParameter(last)) return camel([VERB_OF_ONE[method] ?? method, ...named]);
  if (method === "get") return camel([isPlural(word) ? "list" : "get", ...named]);
  const verb = method === "post" ? "create" : (VERB_OF_ONE[method] ?? method);
  return camel([verb, ...named.slice(0, -1), singular(word)]);
}

const VERB_OF_ONE: Readonly<Record<string, string>> = {
  get: "get",
  post: "update",
  put: "put",
  patch: "update",
  delete: "delete",
};

/** The words of a path without its parameters; a collection before a parameter becomes singular. */
function nouns(segments: readonly string[], isParameter: (segment: string | undefined) => boolean): string[] {
  return segments.flatMap((segment, index) => {
    if (isParameter(segment)) return [];
    return [isParameter(segments[index + 1]) ? singular(segment) : segment];
  });
}

function isPlural(word: string): boolean {
  if (COLLECTIONS.has(word)) return true;
  return word.endsWith("s") && !UNCOUNTABLE.has(word);
}

function singular(word: string): string {
  return SINGULAR[word] ?? (isPlural(word) && !COLLECTIONS.has(word) ? word.slice(0, -1) : word);
}

function camel(words: readonly string[]): string {
  const parts = words.flatMap((word) => word.split(/[^A-Za-z0-9]+/)).filter((part) => part !== "");
  return parts.map((part, index) => (index === 0 ? part : part.slice(0, 1).toUpperCase() + part.slice(1))).join("");
}
