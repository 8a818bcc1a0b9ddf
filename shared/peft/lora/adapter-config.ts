/**
 * peft's `adapter_config.json` for LoRA, read strictly: a field that would change what the adapter computes in a way that
 * is not supported is refused by name, and so is one that is not known, unless it is empty.
 */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { quoteName } from "../../formats/strict-json.ts";

import { ADAPTER_CONFIG } from "../adapter-folder.ts";
import { namesModule } from "../target-modules.ts";

export interface LoraConfig {
  /** The rank where no pattern says otherwise. */
  readonly rank: number;
  readonly alpha: number;
  /** The scale is α/√r instead of α/r. */
  readonly rankStabilised: boolean;
  readonly dropout: number;
  /** Module names, each standing for the layers whose path ends with it; undefined where they are a regular expression. */
  readonly targetModules: readonly string[] | undefined;
  /** Layers that are adapted; undefined: all of them. */
  readonly layers: readonly number[] | undefined;
  /** α for the modules whose path ends with a name, the first that fits. */
  readonly alphaPattern: ReadonlyMap<string, number>;
  readonly baseModel: string | undefined;
}

const size = z.int().min(1).max(65_536);
const alpha = z.number().positive().max(1e6);
const names = z.union([z.string(), z.array(z.string()).min(1)]);
const only = (...values: (string | boolean | null)[]) =>
  z
    .literal(values, `is not supported; must be ${values.map((value) => JSON.stringify(value)).join(" or ")}`)
    .optional();

/** Fields that must have these values, because another one computes something else. */
const fixed = {
  bias: only("none"),
  fan_in_fan_out: only(false, null),
  lora_bias: only(false, null),
  use_dora: only(false, null),
  task_type: only("CAUSAL_LM", null),
  init_lora_weights: only(true, false, "gaussian", "orthogonal", null),
};

const schema = z.looseObject({
  peft_type: z.literal("LORA", "is not supported; only LORA adapters are read"),
  r: size,
  lora_alpha: alpha,
  use_rslora: z.boolean().nullish(),
  lora_dropout: z.number().min(0).max(1).nullish(),
  target_modules: names,
  layers_to_transform: z.union([z.int().min(0), z.array(z.int().min(0))]).nullish(),
  layers_pattern: z.union([z.literal("layers"), z.array(z.literal("layers"))]).nullish(),
  rank_pattern: z.record(z.string(), size).nullish(),
  alpha_pattern: z.record(z.string(), alpha).nullish(),
  base_model_name_or_path: z.string().nullish(),
  ...fixed,
});

/** Fields without influence on what a saved adapter computes. */
const IGNORED = new Set([
  ...["inference_mode", "revision", "peft_version", "megatron_core", "qalora_group_size", "runtime_config"],
  ...["exclude_modules", "ensure_weight_tying"],
]);

/** Throws `invalid_delta` naming the field. */
export function parseLoraConfig(json: Readonly<Record<string, unknown>>): LoraConfig {
  const refuse = (field: string, problem: string) =>
    new TrimtabError("invalid_delta", `${ADAPTER_CONFIG}: ${field ? `${field} ` : ""}${problem}`, { data: { field } });
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refuse(issue.path.map(String).join("."), issue.message);
  }
  const config = parsed.data;
  for (const [field, value] of Object.entries(config)) {
    if (Object.hasOwn(schema.shape, field) || IGNORED.has(field) || isEmpty(value)) continue;
    if (field === "auto_mapping" || field === "auto_map") {
      throw refuse(field, "names code to run, and code that comes with an adapter is never run; remove it");
    }
    throw refuse(field, `is not supported; must be absent, null, false or empty`);
  }
  for (const name of Object.keys(config.alpha_pattern ?? {})) {
    // The names are regular expressions in peft, and patterns from strangers are not run.
    if (/[^A-Za-z0-9_.]/.test(name))
      throw refuse("alpha_pattern", `has the pattern ${quoteName(name)}; use module names`);
  }
  const targets = config.target_modules;
  const layers = config.layers_to_transform;
  return {
    rank: config.r,
    alpha: config.lora_alpha,
    rankStabilised: config.use_rslora ?? false,
    dropout: config.lora_dropout ?? 0,
    targetModules: typeof targets === "string" || !isEmpty(config.exclude_modules) ? undefined : targets,
    layers: layers === null || layers === undefined ? undefined : [layers].flat(),
    alphaPattern: new Map(Object.entries(config.alpha_pattern ?? {})),
    baseModel: config.base_model_name_or_path ?? undefined,
  };
}

/** What α is for a module. */
export function alphaOf(config: LoraConfig, path: string): number {
  for (const [name, alpha] of config.alphaPattern) if (namesModule(name, path)) return alpha;
  return config.alpha;
}

/** What peft reads: every field that its `LoraConfig` has had since 0.7, in peft's own order and layout. */
export function loraConfigJson(config: LoraConfig & { readonly targetModules: readonly string[] }) {
  return {
    alpha_pattern: Object.fromEntries(config.alphaPattern),
    auto_mapping: null,
    base_model_name_or_path: config.baseModel ?? null,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: config.layers ?? null,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: config.rank,
    rank_pattern: {},
    revision: null,
    target_modules: [...config.targetModules].sort(),
    task_type: "CAUSAL_LM",
    use_rslora: config.rankStabilised,
  };
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
