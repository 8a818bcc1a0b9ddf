/**
 * Reads `adapter_config.json` strictly: rejects, by name, every field that would make the adapter compute something
 * unsupported, and every unknown field that is not empty.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { quoteName } from "../formats/strict-json.ts";
import { wordIssue } from "../issue-words.ts";
import { ADAPTER_CONFIG } from "./adapter-folder.ts";

/** An optional field that must have one of these values, because any other would change what the adapter computes. */
export const onlyValues = (...values: (string | number | boolean | null)[]) =>
  z
    .literal(values, `is not supported; must be ${values.map((value) => JSON.stringify(value)).join(" or ")}`)
    .optional();

/** A list of module names, or a regular expression. */
export const ModuleNames = z.union([z.string(), z.array(z.string()).min(1)]);

/**
 * Fields that do not affect what a saved adapter computes, whatever its method. `auto_mapping` names the base's class in
 * transformers; nothing is imported because of it.
 */
const IGNORED = ["inference_mode", "revision", "peft_version", "auto_mapping", "runtime_config"];

/**
 * Parses the fields of `schema`, a loose object. `ignored` lists further fields that do not matter.
 * Throws `invalid_delta`, naming the field.
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
    const { field, problem } = wordIssue(parsed.error, json);
    throw refuse(field, problem);
  }
  const harmless = new Set([...Object.keys(schema.shape), ...IGNORED, ...ignored]);
  for (const [field, value] of Object.entries(json)) {
    if (harmless.has(field) || isEmpty(value)) continue;
    if (field === "auto_map") {
      throw refuse(field, "names code to run, but code shipped with an adapter is never run; remove the field");
    }
    if (field === "modules_to_save" || field === "trainable_token_indices") {
      const trained = quoteName(JSON.stringify(value)).slice(1, -1).replaceAll('\\"', "");
      throw refuse(field, `is not supported with this peft_type; train ${trained} with LoRA or DoRA, or not at all`);
    }
    throw refuse(field, "is not supported; must be absent, null, false or empty");
  }
  return parsed.data;
}

/** A configuration as peft writes it: the method's fields and the fields of every method, sorted by name. */
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
