/** What OpenAI asks of a schema with `strict: true`, in the words of its API. */
import { RULE_LIMITS, refuse } from "../limits.ts";
import { requireCaps } from "./caps.ts";
import { isObject, type JsonObject } from "./json-values.ts";

/** Levels of objects and lists, and the characters of one long list of values. */
const STRICT = { nesting: 10, longEnum: 250, longEnumCharacters: 15_000 } as const;

type Path = readonly (string | number)[];

interface Open {
  readonly schema: unknown;
  readonly path: Path;
  readonly depth: number;
}

/**
 * Throws `invalid_request` unless the root is an object, every object is closed and requires all of its properties, and the caps
 * hold. `subject`: what the schema is for, such as `response_format 'answer'`. Other keywords are the compiler's matter.
 */
export function requireStrict(schema: unknown, subject: string): void {
  requireCaps(schema);
  const fail = (problem: string) => refuse(`Invalid schema for ${subject}: ${problem}`);
  const type = isObject(schema) ? schema.type : undefined;
  if (type !== "object") {
    throw fail(`schema must be a JSON Schema of 'type: "object"', got 'type: ${JSON.stringify(type ?? null)}'.`);
  }
  const open: Open[] = [{ schema, path: [], depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { schema: inner, path, depth } = next;
    if (!isObject(inner)) continue;
    if (depth > STRICT.nesting) {
      throw fail(`In context=${contextOf(path)}, the schema exceeds the limit of ${STRICT.nesting} levels of nesting.`);
    }
    const problem = problemOf(inner);
    if (problem !== undefined) throw fail(`In context=${contextOf(path)}, ${problem}`);
    open.push(...subschemas(inner, path, depth));
  }
}

function problemOf(schema: JsonObject): string | undefined {
  const { type, properties, required, additionalProperties, enum: values } = schema;
  if (Array.isArray(values)) {
    const characters = values.reduce<number>((sum, one) => sum + (typeof one === "string" ? one.length : 0), 0);
    if (values.length > STRICT.longEnum && characters > STRICT.longEnumCharacters) {
      return `an enum of more than ${STRICT.longEnum} values may have at most ${STRICT.longEnumCharacters} characters in total.`;
    }
    if (values.length > RULE_LIMITS.enumValues) return `'enum' has more than ${RULE_LIMITS.enumValues} values.`;
  }
  const isObjectType =
    type === "object" || (Array.isArray(type) && type.includes("object")) || properties !== undefined;
  if (!isObjectType) return undefined;
  if (additionalProperties !== false) return "'additionalProperties' is required to be supplied and to be false.";
  const keys = isObject(properties) ? Object.keys(properties) : [];
  const named = Array.isArray(required) ? required : [];
  const missing = keys.find((key) => !named.includes(key));
  if (missing !== undefined) {
    return `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
  }
  const extra = named.find((key) => !keys.includes(String(key)));
  return extra === undefined ? undefined : `'required' has the key '${String(extra)}', which is not in properties.`;
}

/** Definitions count their levels from where they stand, as references may lead anywhere. */
function subschemas(schema: JsonObject, path: Path, depth: number): Open[] {
  const inside = (keyword: string, levels: number): Open[] => {
    const value = schema[keyword];
    const entries = Array.isArray(value) || isObject(value) ? Object.entries(value) : [];
    return entries.map(([key, inner]) => ({
      schema: inner,
      path: [...path, keyword, Array.isArray(value) ? Number(key) : key],
      depth: depth + levels,
    }));
  };
  const { items } = schema;
  return [
    ...inside("properties", 1),
    ...inside("prefixItems", 1),
    ...(isObject(items) ? [{ schema: items, path: [...path, "items"], depth: depth + 1 }] : []),
    ...["anyOf", "oneOf", "allOf"].flatMap((keyword) => inside(keyword, 0)),
    ...["$defs", "definitions"].flatMap((keyword) => inside(keyword, 0)),
  ];
}

/** As a Python tuple. */
function contextOf(path: Path): string {
  const parts = path.map((part) => (typeof part === "number" ? String(part) : `'${part}'`));
  return parts.length === 1 ? `(${parts[0]},)` : `(${parts.join(", ")})`;
}
