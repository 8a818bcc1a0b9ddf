/** peft's `adapter_config.json` for LoRA, and the settings that it gives each layer. */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { checkpointPath, EMBEDDING_PATH, HEAD_PATH, linearModules } from "../../model/modules.ts";
import { adapterConfigJson, ModuleNames, onlyValues, parseAdapterConfig } from "../adapter-config.ts";
import { ADAPTER_CONFIG } from "../adapter-folder.ts";
import { ALL_LINEAR, modulesNamed, type PatternPlace, patternEntries, shortestNames } from "../target-modules.ts";
import type { LoraAdapter } from "./adapter.ts";
import type { SavedSettings } from "./saved-modules.ts";
import type { WeightStart } from "./start.ts";
import { nameable } from "./targets.ts";

export interface LoraConfig {
  /** The scale is α/√r instead of α/r. */
  readonly rankStabilised: boolean;
  /** Whether the layer at a path has factors. Includes the embedding and the head. */
  readonly targets: (path: string) => boolean;
  readonly rankOf: (path: string) => number;
  readonly alphaOf: (path: string) => number;
  /** Which of the base's biases have values in the folder. */
  readonly bias: "none" | "all" | "lora_only";
  /** B has its own bias. */
  readonly biasOfFactors: boolean;
  /** The factors started as this part of the weight, and the folder applies to the remainder of the weight. */
  readonly start: WeightStart | undefined;
  /** Weights that were trained whole. */
  readonly saved: SavedSettings;
  /** The configured targets, for error messages. */
  readonly names: NamedLayers["target_modules"];
}

const size = z.int().min(1).max(65_536);
const alpha = z.number().positive().max(1e6);

/** The fields that `namedLayers` reads. */
export const layerFields = {
  target_modules: ModuleNames,
  exclude_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  layers_to_transform: z.union([z.int().min(0), z.array(z.int().min(0))]).nullish(),
  layers_pattern: z.union([z.enum(["layers", ""]), z.array(z.literal("layers"))]).nullish(),
};

/** The supported initialisations. Others need tensors that are not in the folder, or another base. */
const STARTS = ["gaussian", "orthogonal", "eva", "mica", "lora_ga", "olora", "pissa"];

const start = z.string().superRefine((value, context) => {
  if (STARTS.includes(value.toLowerCase())) return;
  const message = value.startsWith("pissa_niter_")
    ? "depends on random vectors, so its part of the weight cannot be reproduced; save the adapter with path_initial_model_for_weight_conversion"
    : `is not supported; must be a boolean or one of ${STARTS.join(", ")}`;
  context.addIssue({ code: "custom", message });
});

const tokens = z.array(z.int().min(0));

const schema = z.looseObject({
  peft_type: z.literal("LORA"),
  r: size,
  lora_alpha: alpha,
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  ...layerFields,
  rank_pattern: z.record(z.string(), size).nullish(),
  alpha_pattern: z.record(z.string(), alpha).nullish(),
  bias: z.enum(["none", "all", "lora_only"]).nullish(),
  lora_bias: z.boolean().nullish(),
  init_lora_weights: z.union([z.boolean(), start]).nullish(),
  ensure_weight_tying: z.boolean().nullish(),
  modules_to_save: z.union([z.string(), z.array(z.string())]).nullish(),
  trainable_token_indices: z.union([tokens, z.record(z.string(), tokens)]).nullish(),
  fan_in_fan_out: onlyValues(false, null),
  task_type: onlyValues("CAUSAL_LM", null),
});

/** Fields that only concern training, and settings of initialisations that affect only the factors. */
const IGNORED = [
  ...["lora_dropout", "base_model_name_or_path", "megatron_core", "qalora_group_size"],
  ...["eva_config", "lora_ga_config", "corda_config", "loftq_config"],
];

/** The place of a pattern in the configuration. */
export const configPlace = (field: string): PatternPlace => ({
  code: "invalid_delta",
  what: `${ADAPTER_CONFIG}: ${field}`,
});

/** Throws `invalid_delta`, naming the field. */
export function parseLoraConfig(json: Readonly<Record<string, unknown>>, model: ModelConfig): LoraConfig {
  const config = parseAdapterConfig(json, schema, IGNORED);
  const init = String(config.init_lora_weights).toLowerCase();
  const rankOf = patternEntries(config.rank_pattern ?? {}, configPlace("rank_pattern"));
  const alphaOf = patternEntries(config.alpha_pattern ?? {}, configPlace("alpha_pattern"));
  return {
    rankStabilised: config.use_rslora ?? false,
    targets: targetTest(config, model),
    rankOf: (path) => rankOf(path)?.value ?? config.r,
    alphaOf: (path) => alphaOf(path)?.value ?? config.lora_alpha,
    bias: config.bias ?? "none",
    biasOfFactors: config.lora_bias ?? false,
    start: init === "olora" || init === "pissa" ? init : undefined,
    saved: savedSettings(config),
    names: config.target_modules,
  };
}

function savedSettings(config: z.infer<typeof schema>): SavedSettings {
  const { modules_to_save: modules, trainable_token_indices: rows, ensure_weight_tying: tying } = config;
  const byModule = Array.isArray(rows) ? { [EMBEDDING_PATH]: rows } : (rows ?? {});
  return {
    modules: [modules ?? []].flat(),
    tokens: new Map(Object.entries(byModule).filter(([, found]) => found.length > 0)),
    tying: tying ?? false,
  };
}

/** The error for targets that match no layer. */
export function namesNoLayer(targets: NamedLayers["target_modules"]): TrimtabError {
  const names = [targets].flat().join(", ");
  const shown = names.length > 200 ? `${names.slice(0, 197)}...` : names;
  return new TrimtabError(
    "invalid_delta",
    `target_modules in ${ADAPTER_CONFIG} (${shown}) matches no layer of the base model`,
  );
}

function targetTest(config: z.infer<typeof schema>, model: ModelConfig): (path: string) => boolean {
  const own = namedLayers(config, model);
  // With weight tying, the head shares the embedding's factors, and peft lists only the embedding.
  const isTied = (config.ensure_weight_tying ?? false) && model.tied && own(EMBEDDING_PATH);
  return (path) => own(path) || (isTied && path === HEAD_PATH);
}

/** The fields that select the layers with factors. */
export interface NamedLayers {
  readonly target_modules: string | readonly string[];
  readonly exclude_modules?: string | readonly string[] | null | undefined;
  readonly layers_to_transform?: number | readonly number[] | null | undefined;
}

/**
 * Tests whether the fields select the layer at a path, in peft's order: exclusions first, then targets, then blocks. Throws
 * `invalid_delta` when a pattern is not supported or takes too long.
 */
export function namedLayers(
  { target_modules: names, exclude_modules: excluded, layers_to_transform: chosen }: NamedLayers,
  model: ModelConfig,
): (path: string) => boolean {
  const isExcluded = excluded?.length ? modulesNamed(excluded, configPlace("exclude_modules")) : () => false;
  const inBlocks = blockTest(chosen);
  const all = new Set(linearModules(model).map(({ path }) => path));
  const isNamed =
    typeof names === "string" && names.toLowerCase() === ALL_LINEAR
      ? (path: string) => all.has(path)
      : modulesNamed(names, configPlace("target_modules"));
  // A module named by its whole path is selected whatever its block.
  const whole = new Set(typeof names === "string" ? [] : names);
  return (path) => !isExcluded(path) && isNamed(path) && (whole.has(checkpointPath(path)) || inBlocks(path));
}

function blockTest(chosen: number | readonly number[] | null | undefined): (path: string) => boolean {
  const blocks = [chosen ?? []].flat();
  if (blocks.length === 0) return () => true;
  return (path) => path.startsWith("layers.") && blocks.includes(Number(path.split(".")[1]));
}

/** The part of the configuration that does not concern layers. */
export interface ConfigOptions {
  readonly model: ModelConfig;
  readonly baseModel: string;
  readonly dropout?: number;
}

/**
 * The configuration for peft: the fields of `LoraConfig` since version 0.7, in peft's order and layout, and later fields only
 * if they are used. Targets and patterns are the shortest names that match exactly the adapter's layers.
 */
export function loraConfigJson(adapter: LoraAdapter, { model, baseModel, dropout = 0 }: ConfigOptions) {
  const { layers, biases, rankStabilised, start } = adapter;
  const rank = byLayer(new Map([...layers].map(([path, { a }]) => [path, a.shape[1]!])));
  const alpha = byLayer(new Map([...layers].map(([path, layer]) => [path, layer.alpha])));
  const onlyLoraLayers = [...biases.keys()].every((path) => layers.has(path));
  const hasFactorBias = [...layers.values()].some(({ bias }) => bias !== undefined);
  return adapterConfigJson("LORA", baseModel, {
    alpha_pattern: alpha.pattern,
    bias: biases.size === 0 ? "none" : onlyLoraLayers ? "lora_only" : "all",
    fan_in_fan_out: false,
    init_lora_weights: start ?? true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: alpha.usual,
    ...(hasFactorBias ? { lora_bias: true } : {}),
    lora_dropout: dropout,
    r: rank.usual,
    rank_pattern: rank.pattern,
    target_modules: shortestNames([...layers.keys()], nameable(model)).sort(),
    use_rslora: rankStabilised,
  });
}

/** The most common value, and the names of the other layers with theirs. No two names match the same layer. */
export function byLayer(numbers: ReadonlyMap<string, number>): { usual: number; pattern: Record<string, number> } {
  const paths = new Map<number, string[]>();
  for (const [path, number] of numbers) paths.set(number, [...(paths.get(number) ?? []), path]);
  const [[usual], ...others] = [...paths].sort(([, left], [, right]) => right.length - left.length) as [
    [number, string[]],
    ...[number, string[]][],
  ];
  const all = [...numbers.keys()].map((path) => ({ path }));
  const named = others.flatMap(([value, group]) => shortestNames(group, all).map((name) => [name, value] as const));
  return { usual, pattern: Object.fromEntries(named.sort(([left], [right]) => (left < right ? -1 : 1))) };
}
