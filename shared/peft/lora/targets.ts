import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import {
  adaptableModules,
  EMBEDDING_PATH,
  embeddingModule,
  type LinearModule,
  linearModules,
} from "../../model/modules.ts";
import type { PlanOptions } from "../method.ts";
import {
  checkRank,
  isPattern,
  type PatternEntry,
  patternEntries,
  resolveTargetModules,
  settingTest,
} from "../target-modules.ts";
import type { FactorSettings, LoraSettings } from "./settings.ts";

/** A layer that gets factors A [in, rank] and B [rank, out], whose product is multiplied by the scale. */
export interface FactorTarget extends LinearModule {
  readonly rank: number;
  readonly alpha: number;
  readonly scale: number;
}

/** Everything that can have factors: the embedding, the layers of the blocks and the head. */
export function nameable(config: ModelConfig): LinearModule[] {
  return [embeddingModule(config), ...adaptableModules(config)];
}

/** α/r, or α/√r for rsLoRA (Kalajdzievski, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA", 2023). */
export function factorScale(alpha: number, rank: number, rankStabilised: boolean): number {
  return alpha / (rankStabilised ? Math.sqrt(rank) : rank);
}

export type TargetSettings = Pick<
  FactorSettings,
  "target_modules" | "exclude_modules" | "layers_to_transform" | "layers_pattern"
>;

/**
 * The layers that the settings select, in order of computation. Throws `invalid_request` with the setting as `param`,
 * including for an exclusion or a block that matches nothing, which peft silently accepts.
 */
export function targetedLayers({ config, settings, param }: PlanOptions<TargetSettings>): readonly LinearModule[] {
  const named = resolveTargetModules(config, settings.target_modules, `${param}.target_modules`, nameable(config));
  return withoutExcluded(inBlocks(named, { config, settings, param }), settings.exclude_modules, param);
}

/** The layers that get factors. Throws as `targetedLayers` does, and for a rank or alpha pattern that matches nothing. */
export function factorTargets(options: PlanOptions<FactorSettings>): FactorTarget[] {
  const { settings, param } = options;
  const targets = targetedLayers(options);
  const [ranks, alphas] = (["rank_pattern", "alpha_pattern"] as const).map((field) =>
    entriesFor(targets, settings[field] ?? {}, `${param}.${field}`),
  ) as [Entries, Entries];
  const plain = targets.filter(({ path }) => !ranks.has(path));
  if (plain.length > 0) checkRank(plain, settings.r, `${param}.r`);
  return targets.map((module) => {
    const { path } = module;
    const own = ranks.get(path);
    if (own !== undefined) checkRank([module], own.value, `${param}.rank_pattern.${own.key}`);
    const [rank, alpha] = [own?.value ?? settings.r, alphas.get(path)?.value ?? settings.lora_alpha];
    return { ...module, rank, alpha, scale: factorScale(alpha, rank, settings.use_rslora) };
  });
}

/** The parameters that LoRA trains: factors, including those of the embedding and the head, and biases of the base. */
export interface LoraTargets {
  readonly factors: readonly FactorTarget[];
  /** The layers whose biases are trained too. */
  readonly biases: readonly LinearModule[];
}

/** Throws `invalid_request` with the setting as `param`, including for settings that contradict each other. */
export function loraTargets(options: PlanOptions<LoraSettings>): LoraTargets {
  const { config, settings, param } = options;
  const factors = factorTargets(options);
  rejectContradictions(options, factors);
  const { bias = "none" } = settings;
  if (bias === "none") return { factors, biases: [] };
  const trained = bias === "all" ? linearModules(config) : factors;
  const biases = trained.filter((module) => module.bias);
  if (biases.length > 0) return { factors, biases };
  throw refuse(
    `${param}.bias`,
    bias === "all"
      ? "this model has no biases to train. Remove it, or set `lora_bias: true` to add biases to the targeted layers."
      : "the targeted layers have no biases to train. Remove it, target layers with biases, or set `lora_bias: true` to add biases.",
  );
}

function rejectContradictions({ settings, param }: PlanOptions<LoraSettings>, factors: readonly FactorTarget[]): void {
  const { init_lora_weights: init = true, lora_bias: bias = false } = settings;
  const hasEmbedding = factors.some(({ path }) => path === EMBEDDING_PATH);
  if (bias && init !== true) {
    throw refuse(`${param}.lora_bias`, "it works only with `init_lora_weights: true`, as in peft; remove one of them.");
  }
  if (bias && hasEmbedding) {
    throw refuse(`${param}.lora_bias`, "it is not possible on the embedding, as in peft; remove one of them.");
  }
  const odd = init === "orthogonal" ? factors.find(({ rank }) => rank % 2 === 1) : undefined;
  if (odd !== undefined) {
    throw refuse(
      `${param}.init_lora_weights`,
      `\`orthogonal\` needs even ranks, but ${odd.path} has rank ${odd.rank}.`,
    );
  }
  if (factors.every(({ path }) => path === EMBEDDING_PATH)) {
    if (init !== true) {
      throw refuse(
        `${param}.init_lora_weights`,
        `\`${init}\` applies only to linear layers, but none is targeted; remove it.`,
      );
    }
    if (settings.lora_dropout > 0) {
      throw refuse(
        `${param}.lora_dropout`,
        "it applies only to the inputs of linear layers, but none is targeted; remove it.",
      );
    }
  }
  if (settings.loraplus_lr_embedding === undefined) return;
  if (settings.loraplus_lr_ratio === undefined) {
    throw refuse(`${param}.loraplus_lr_embedding`, "it is part of LoRA+; set `loraplus_lr_ratio` too, or remove it.");
  }
  if (!hasEmbedding) {
    throw refuse(
      `${param}.loraplus_lr_embedding`,
      "it applies only to `embed_tokens`, which is not targeted; remove it.",
    );
  }
}

/** Whether factors start as part of the weight, which is subtracted so that step 0 equals the base. */
export function startsFromWeights({ init_lora_weights: init = true }: LoraSettings): boolean {
  return init === "olora" || String(init).startsWith("pissa");
}

type Entries = ReadonlyMap<string, PatternEntry>;

function refuse(param: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${param}\`: ${problem}`, { param });
}

function inBlocks(
  named: readonly LinearModule[],
  { config, settings, param }: PlanOptions<TargetSettings>,
): readonly LinearModule[] {
  const { layers_to_transform: chosen, layers_pattern: pattern, target_modules: target } = settings;
  const at = `${param}.layers_to_transform`;
  if (chosen === undefined) {
    if (pattern === undefined) return named;
    throw refuse(`${param}.layers_pattern`, "it has no effect without `layers_to_transform`; set both, or remove it.");
  }
  if (isPattern(target))
    throw refuse(
      at,
      "it cannot be combined with a pattern in `target_modules`, as in peft; select the blocks in the pattern.",
    );
  const blocks = [chosen].flat();
  const beyond = blocks.find((block) => block >= config.layers);
  if (beyond !== undefined) {
    throw refuse(at, `there is no block ${beyond}; this model has ${config.layers}, numbered from 0.`);
  }
  const outside = named.find(({ path }) => !path.startsWith("layers."));
  if (outside !== undefined) {
    throw refuse(at, `${outside.path} is not in any block, so it would be excluded; remove one of the two.`);
  }
  const kept = named.filter(({ path }) => blocks.includes(Number(path.split(".")[1])));
  if (kept.length === 0) throw refuse(at, "none of the targeted layers is in these blocks.");
  return kept;
}

function withoutExcluded(
  named: readonly LinearModule[],
  excluded: TargetSettings["exclude_modules"],
  param: string,
): readonly LinearModule[] {
  if (excluded === undefined) return named;
  const at = `${param}.exclude_modules`;
  const parts = (typeof excluded === "string" ? [excluded] : excluded).map((part) => ({
    part,
    matches: settingTest(part, at),
  }));
  const unused = parts.find(({ matches }) => !named.some(({ path }) => matches(path)));
  if (unused !== undefined) throw refuse(at, `\`${unused.part}\` matches none of the targeted layers; remove it.`);
  const kept = named.filter(({ path }) => !parts.some(({ matches }) => matches(path)));
  if (kept.length === 0) throw refuse(at, "it excludes all targeted layers, so there is nothing to train.");
  return kept;
}

/** The entry for each target that has one. Rejects a pattern that applies to no target. */
function entriesFor(
  targets: readonly LinearModule[],
  patterns: Readonly<Record<string, number>>,
  param: string,
): Entries {
  const entryOf = patternEntries(patterns, { code: "invalid_request", what: `\`${param}\``, param });
  const entries = new Map(
    targets.flatMap(({ path }) => {
      const entry = entryOf(path);
      return entry === undefined ? [] : [[path, entry] as const];
    }),
  );
  const used = new Set([...entries.values()].map(({ key }) => key));
  const unused = Object.keys(patterns).find((key) => !used.has(key));
  if (unused === undefined) return entries;
  throw refuse(param, `\`${unused}\` is not the first match for any targeted layer; correct or remove it.`);
}
