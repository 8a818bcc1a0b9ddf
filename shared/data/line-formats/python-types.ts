/** JSON Schema for parameters that are declared by Python's names of types, as function-calling collections do. */
import { isRecord } from "../columns.ts";

const NAMES: Readonly<Record<string, string>> = {
  ...{ str: "string", string: "string", int: "integer", integer: "integer", float: "number", number: "number" },
  ...{ bool: "boolean", boolean: "boolean", list: "array", tuple: "array", set: "array", array: "array" },
  ...{ dict: "object", object: "object" },
};

/** In characters. No type that anybody writes is as long; a longer one is left open. */
const LONGEST_TYPE = 200;

/** The schema of a type such as `List[int]`. A type that JSON has no word for, such as `Callable`, is left open. */
function schemaOfType(type: string): Readonly<Record<string, unknown>> {
  const [, name = "", inner] = /^([A-Za-z]+)(?:\[(.*)\])?$/s.exec(type.trim()) ?? [];
  const known = name.toLowerCase();
  if (known === "optional" && inner !== undefined) return schemaOfType(inner);
  const word = Object.hasOwn(NAMES, known) ? NAMES[known]! : undefined;
  if (word === undefined) return {};
  const ofItems = word === "array" && known !== "tuple" && inner !== undefined ? schemaOfType(inner) : {};
  return { type: word, ...(Object.keys(ofItems).length === 0 ? {} : { items: ofItems }) };
}

/**
 * `{"city": {"description", "type": "str, optional", "default"?}}` as a schema of an object. A parameter is required unless its
 * type says `optional` or it has a default.
 *
 * @returns undefined if a parameter is not declared like this
 */
export function schemaOfParameters(declared: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(declared)) return undefined;
  const required: string[] = [];
  const properties: [string, unknown][] = [];
  for (const [name, parameter] of Object.entries(declared)) {
    if (!isRecord(parameter)) return undefined;
    const { type, ...said } = parameter;
    if (type !== undefined && typeof type !== "string") return undefined;
    const declaredType = type === undefined || type.length > LONGEST_TYPE ? "" : type;
    const [words = "", ...marks] = declaredType.split(/,(?![^[]*\])/);
    const isOptional = marks.some((mark) => mark.trim() === "optional") || /^\s*optional\[/i.test(words);
    if (!isOptional && said.default === undefined) required.push(name);
    properties.push([name, { ...schemaOfType(words), ...said }]);
  }
  return { type: "object", properties: Object.fromEntries(properties), ...(required.length > 0 ? { required } : {}) };
}
