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

/** A layer that gets the factors A [in, rank] and B [rank, out]; what comes of them is multiplied by the scale. */
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
 * What the settings name, in the order of the computation. What peft takes without effect is refused here: an exclusion or a
 * block that hits nothing.
 *
 * Throws `invalid_request` with the setting as `param`.
 */
export function targetedLayers({ config, settings, param }: PlanOptions<TargetSettings>): readonly LinearModule[] {
  const named = resolveTargetModules(config, settings.target_modules, `${param}.target_modules`, nameable(config));
  return withoutExcluded(inBlocks(named, { config, settings, param }), settings.exclude_modules, param);
}

/** What gets factors. A pattern of ranks or alphas that hits nothing is refused. Throws as `targetedLayers` does. */
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

/** What LoRA trains: factors, among them those of the embedding and the head, and biases of the base. */
export interface LoraTargets {
  readonly factors: readonly FactorTarget[];
  /** The layers whose own biases train too. */
  readonly biases: readonly LinearModule[];
}

/** Throws `invalid_request` with the setting as `param`, also for settings that contradict each other. */
export function loraTargets(options: PlanOptions<LoraSettings>): LoraTargets {
  const { config, settings, param } = options;
  const factors = factorTargets(options);
  requireAgreement(options, factors);
  const { bias = "none" } = settings;
  if (bias === "none") return { factors, biases: [] };
  const trained = bias === "all" ? linearModules(config) : factors;
  const biases = trained.filter((module) => module.bias);
  if (biases.length > 0) return { factors, biases };
  throw refuse(
    `${param}.bias`,
    bias === "all"
      ? "this model has no biases to train. Leave it out; `lora_bias: true` gives the targeted layers biases of their own."
      : "the targeted layers have no biases to train. Leave it out, target layers with biases, or send `lora_bias: true`, which gives them biases of their own.",
  );
}

function requireAgreement({ settings, param }: PlanOptions<LoraSettings>, factors: readonly FactorTarget[]): void {
  const { init_lora_weights: init = true, lora_bias: bias = false } = settings;
  const hasEmbedding = factors.some(({ path }) => path === EMBEDDING_PATH);
  if (bias && init !== true) {
    throw refuse(
      `${param}.lora_bias`,
      "goes with `init_lora_weights: true` alone, in peft too; leave one of them out.",
    );
  }
  if (bias && hasEmbedding) {
    throw refuse(`${param}.lora_bias`, "is not possible on the embedding, in peft neither; leave one of them out.");
  }
  const odd = init === "orthogonal" ? factors.find(({ rank }) => rank % 2 === 1) : undefined;
  if (odd !== undefined) {
    throw refuse(`${param}.init_lora_weights`, `\`orthogonal\` takes even ranks, but ${odd.path} has ${odd.rank}.`);
  }
  if (factors.every(({ path }) => path === EMBEDDING_PATH)) {
    if (init !== true) {
      const does = startsFromWeights(settings) ? "takes linear layers apart" : "is for linear layers";
      throw refuse(`${param}.init_lora_weights`, `\`${init}\` ${does}, and none is among the targets.`);
    }
    if (settings.lora_dropout > 0) {
      throw refuse(`${param}.lora_dropout`, "is on the inputs of linear layers, and none is among the targets.");
    }
  }
  if (settings.loraplus_lr_embedding === undefined) return;
  if (settings.loraplus_lr_ratio === undefined) {
    throw refuse(
      `${param}.loraplus_lr_embedding`,
      "is a part of LoRA+; send `loraplus_lr_ratio` too, or leave it out.",
    );
  }
  if (!hasEmbedding) {
    throw refuse(
      `${param}.loraplus_lr_embedding`,
      "is for `embed_tokens`, which is not among the targets; leave it out.",
    );
  }
}

/** Whether factors start as a part of the weight, which is taken from it so that step 0 is the base. */
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
    throw refuse(
      `${param}.layers_pattern`,
      "says how blocks are found; send `layers_to_transform` with it, or leave it out.",
    );
  }
  if (isPattern(target))
    throw refuse(at, "does not go with a pattern in `target_modules`, in peft neither; say it in the pattern.");
  const blocks = [chosen].flat();
  const beyond = blocks.find((block) => block >= config.layers);
  if (beyond !== undefined) {
    throw refuse(at, `there is no block ${beyond}: this model has ${config.layers}, numbered from 0.`);
  }
  const outside = named.find(({ path }) => !path.startsWith("layers."));
  if (outside !== undefined) {
    throw refuse(at, `${outside.path} is in no block, so that it would be left out; leave out one of the two.`);
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
    means: settingTest(part, at),
  }));
  const idle = parts.find(({ means }) => !named.some(({ path }) => means(path)));
  if (idle !== undefined) throw refuse(at, `\`${idle.part}\` is none of the targeted layers; leave it out.`);
  const kept = named.filter(({ path }) => !parts.some(({ means }) => means(path)));
  if (kept.length === 0) throw refuse(at, "leaves nothing of the targeted layers to train.");
  return kept;
}

/** The entry for each of the targets that has one. A pattern that is no target's is refused. */
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
  const idle = Object.keys(patterns).find((key) => !used.has(key));
  if (idle === undefined) return entries;
  throw refuse(param, `\`${idle}\` is the first to fit none of the targeted layers; correct it or leave it out.`);
}
