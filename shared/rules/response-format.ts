/** OpenAI's `response_format` as a rule. */
import { TrimtabError } from "../errors.ts";
import { isObject } from "./schema/json-values.ts";
import { requireStrict } from "./schema/strict.ts";
import type { RuleSpec } from "./spec.ts";

/**
 * The rule of a `response_format`; null for `text`. Throws `invalid_request` with the field in `param`, in OpenAI's words where
 * it has some.
 */
export function responseFormatRule(format: unknown, param = "response_format"): RuleSpec | null {
  const type = isObject(format) ? format.type : undefined;
  if (type === "text") return null;
  if (type === "json_object") return { json_object: true };
  if (type !== "json_schema") {
    throw invalid(
      `${param}.type`,
      `Invalid value: ${show(type)}. Supported values are: 'json_object', 'json_schema', and 'text'.`,
    );
  }
  const { json_schema: named } = format as { readonly json_schema?: unknown };
  if (!isObject(named)) throw invalid(`${param}.json_schema`, `Missing required parameter: '${param}.json_schema'.`);
  const { name, schema, strict = false } = named;
  if (name === undefined)
    throw invalid(`${param}.json_schema.name`, `Missing required parameter: '${param}.json_schema.name'.`);
  if (typeof name !== "string" || !/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    throw invalid(
      `${param}.json_schema.name`,
      `Invalid '${param}.json_schema.name': it must have 1 to 64 letters, digits, underscores and hyphens.`,
    );
  }
  if (strict !== null && typeof strict !== "boolean") {
    throw invalid(`${param}.json_schema.strict`, `Invalid type for '${param}.json_schema.strict': expected a boolean.`);
  }
  if (schema === undefined && strict !== true) return { json_object: true };
  if (!isObject(schema)) {
    throw invalid(`${param}.json_schema.schema`, `Missing required parameter: '${param}.json_schema.schema'.`);
  }
  if (strict === true) withParam(param, () => requireStrict(schema, `${param} '${name}'`));
  return { json_schema: schema };
}

function invalid(param: string, message: string): TrimtabError {
  return new TrimtabError("invalid_request", message, { param });
}

function withParam(param: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw new TrimtabError(error.code, error.message, { param, data: error.data });
  }
}

const show = (value: unknown) => (value === undefined ? "none" : `'${String(value)}'`);
