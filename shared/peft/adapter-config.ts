/**
 * `adapter_config.json`, read strictly: a field that would change what the adapter computes in a way that is not supported
 * is refused by name, and so is one that is not known, unless it is empty.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { ADAPTER_CONFIG } from "./adapter-folder.ts";

/** A field that must have one of these values where it is there, because another one computes something else. */
export const onlyValues = (...values: (string | number | boolean | null)[]) =>
  z
    .literal(values, `is not supported; must be ${values.map((value) => JSON.stringify(value)).join(" or ")}`)
    .optional();

/** Names of modules, or a regular expression in their place. */
export const ModuleNames = z.union([z.string(), z.array(z.string()).min(1)]);

/**
 * Fields without influence on what a saved adapter of any method computes. `auto_mapping` tells which class of transformers
 * the base was; nothing is imported for it.
 */
const IGNORED = ["inference_mode", "revision", "peft_version", "auto_mapping", "runtime_config"];

/**
 * The fields of `schema`, which is a loose object; `ignored` names more fields that do not matter.
 * Throws `invalid_delta` naming the field.
 */
export function parseAdapterConfig<S extends z.ZodObject>(
  json: Readonly<Record<string, unknown>>,
  schema: S,
  ignored: readonly string[] = [],
): z.output<S> {
  const refuse = (field: string, problem: string) =>
    new TrimtabError("invalid_delta", `${ADAPTER_CONFIG}: ${field} ${problem}`, { data: { field } });
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refuse(issue.path.map(String).join("."), issue.message);
  }
  const harmless = new Set([...Object.keys(schema.shape), ...IGNORED, ...ignored]);
  for (const [field, value] of Object.entries(json)) {
    if (harmless.has(field) || isEmpty(value)) continue;
    if (field === "auto_map") {
      throw refuse(field, "names code to run, and code that comes with an adapter is never run; remove it");
    }
    throw refuse(field, "is not supported; must be absent, null, false or empty");
  }
  return parsed.data;
}

/** A configuration as peft writes it: a method's own fields among those that every method has, by name. */
export function adapterConfigJson(
  peftType: string,
  baseModel: string,
  fields: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const all = {
    ...fields,
    auto_mapping: null,
    base_model_name_or_path: baseModel,
    inference_mode: true,
    modules_to_save: null,
    peft_type: peftType,
    revision: null,
    task_type: "CAUSAL_LM",
  };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
