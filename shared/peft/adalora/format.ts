/** An AdaLoRA adapter as peft saves it. Layout: huggingface/peft, `src/peft/tuners/adalora`; method: Zhang et al. 2023. */
import { z } from "zod";
import { type CanonicalDelta, NO_DELTA } from "../../delta/canonical.ts";
import { sumDeltas } from "../../delta/sum.ts";
import { TrimtabError } from "../../errors.ts";
import { quoteName } from "../../formats/strict-json.ts";
import type { ModelConfig } from "../../model/config.ts";
import { adaptableModules, checkpointPath, type LinearModule } from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { f32, type Tensor, totalElements } from "../../tensor.ts";
import { adapterConfigJson, onlyValues, parseAdapterConfig } from "../adapter-config.ts";
import { ADAPTER_CONFIG, adapterFiles } from "../adapter-folder.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import { canonicalLora, countLora, type LoraAdapter } from "../lora/adapter.ts";
import { layerFields, namedLayers, namesNoLayer } from "../lora/adapter-config.ts";
import { requireOwnCopies } from "../lora/base-copies.ts";
import { takeBiases } from "../lora/format.ts";
import { nameable } from "../lora/targets.ts";
import type { AdapterFolder, AdapterFormat } from "../method.ts";
import { shortestNames } from "../target-modules.ts";
import { adaLoraScale } from "./attach.ts";
import type { AdaLoraSettings } from "./settings.ts";

/** The remaining ranks of one layer: y += s · ((xA) ⊙ E) B. */
export interface AdaLoraFactors {
  /** [in, r]; r may be 0. */
  readonly a: Tensor<"f32">;
  /** [r] */
  readonly e: Tensor<"f32">;
  /** [r, out] */
  readonly b: Tensor<"f32">;
}

/** By module path, in order of computation. */
export type AdaLoraLayers = ReadonlyMap<string, AdaLoraFactors>;

const PATTERN_END = ".lora_E";

const AdaLoraConfig = z.looseObject({
  peft_type: z.literal("ADALORA"),
  init_r: z.int().min(1).max(65_536),
  lora_alpha: z.number().max(1e6),
  ...layerFields,
  rank_pattern: z.record(z.string(), z.array(z.boolean())).nullish(),
  bias: z.enum(["none", "all", "lora_only"]).nullish(),
  fan_in_fan_out: onlyValues(false, null),
  task_type: onlyValues("CAUSAL_LM", null),
  base_model_name_or_path: z.string().nullish(),
});
type AdaLoraConfig = z.infer<typeof AdaLoraConfig>;

/** Fields that only concern training, and LoRA's fields that peft's AdaLoRA accepts but does not use. */
const IGNORED = [
  ...["target_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight", "total_step"],
  ...["lora_dropout", "init_lora_weights", "ensure_weight_tying", "megatron_core", "qalora_group_size"],
  ...["r", "use_rslora", "alpha_pattern"],
];

export const adaLoraFormat: AdapterFormat = {
  recognises: ({ peft_type: type }) => type === "ADALORA",
  async read({ config: json, tensors: stored }, base) {
    const tensors = new AdapterTensors(stored);
    const config = parseAdaLoraConfig(json);
    const { layers, scale } = takeAdaLora(tensors, config, base.config);
    const biases = takeBiases(tensors, { bias: config.bias ?? "none", layers }, base.config);
    const biasAdapter: LoraAdapter = { rankStabilised: false, layers: new Map(), biases };
    await requireOwnCopies(tensors, { stored, base });
    tensors.done();
    const deltas = [canonicalAdaLora(layers, scale), await canonicalLora(biasAdapter, base)];
    return {
      method: "adalora",
      delta: sumDeltas(deltas.map((delta) => ({ delta, weight: 1 }))),
      parameters: totalElements([...layers.values()].flatMap(({ a, e, b }) => [a, e, b])) + countLora(biasAdapter),
    };
  },
};

/** Folds s and E into B. Layers with no remaining ranks are omitted. */
export function canonicalAdaLora(layers: AdaLoraLayers, scale: number): CanonicalDelta {
  const linears = [...layers].flatMap(([path, { a, e, b }]) => {
    if (e.data.length === 0) return [];
    const out = b.shape[1]!;
    const scaled = b.data.map((value, at) => value * scale * e.data[Math.floor(at / out)]!);
    return [[path, { a, b: f32(b.shape, scaled) }] as const];
  });
  return { ...NO_DELTA, linears: new Map(linears) };
}

/** Reads an adapter that has only layers, no biases. Throws `invalid_delta` as `AdapterFormat.read` does. */
export function readAdaLora({ config: json, tensors: stored }: AdapterFolder, model: ModelConfig): TakenLayers {
  const tensors = new AdapterTensors(stored);
  const taken = takeAdaLora(tensors, parseAdaLoraConfig(json), model);
  tensors.done();
  return taken;
}

/** Which ranks of each layer are in the files, by path. Throws `invalid_delta`. */
export function keptRanks(json: AdapterFolder["config"], model: ModelConfig): ReadonlyMap<string, readonly boolean[]> {
  const config = parseAdaLoraConfig(json);
  const named = namedPaths(config, model);
  const kept = new Map([...named].map((path) => [path, new Array<boolean>(config.init_r).fill(true)]));
  ranksLeft(config);
  for (const [name, pattern] of Object.entries(config.rank_pattern ?? {})) kept.set(pathOf(name), [...pattern]);
  return kept;
}

interface TakenLayers {
  readonly layers: AdaLoraLayers;
  readonly scale: number;
}

const parseAdaLoraConfig = (json: Readonly<Record<string, unknown>>): AdaLoraConfig =>
  parseAdapterConfig(json, AdaLoraConfig, IGNORED);

/** Takes the layers named by the configuration and leaves the other tensors. Throws `invalid_delta`. */
function takeAdaLora(tensors: AdapterTensors, config: AdaLoraConfig, model: ModelConfig): TakenLayers {
  const modules = adaptableModules(model);
  const present = ({ path }: LinearModule) => ["A", "B", "E"].some((of) => tensors.has(keyOf(path, of)));
  const named = namedPaths(config, model);
  const ranks = ranksLeft(config);
  const layers = new Map<string, AdaLoraFactors>();
  for (const module of modules) {
    const { path } = module;
    if (!named.has(path)) {
      if (!present(module)) continue;
      throw refuse(`there are tensors for ${path}, but target_modules in ${ADAPTER_CONFIG} does not include it`);
    }
    const rank = ranks.get(path) ?? config.init_r;
    ranks.delete(path);
    const given = tensors.shapeOf(keyOf(path, "A"))?.[0] ?? rank;
    if (given !== rank) {
      throw refuse(
        `the tensors of ${path} have rank ${given}, but ${ADAPTER_CONFIG} gives ${rank} (init_r and rank_pattern)`,
      );
    }
    layers.set(path, {
      a: transposed(tensors.take(keyOf(path, "A"), [rank, module.in])),
      e: f32([rank], tensors.take(keyOf(path, "E"), [rank, 1]).data),
      b: transposed(tensors.take(keyOf(path, "B"), [module.out, rank])),
    });
  }
  const [stray] = ranks.keys();
  if (stray !== undefined) {
    throw refuse(`rank_pattern in ${ADAPTER_CONFIG} has ${quoteName(stray)}, which is not a layer of the adapter`);
  }
  // Like peft, use the rank if alpha is not positive.
  const alpha = config.lora_alpha > 0 ? config.lora_alpha : config.init_r;
  return { layers, scale: adaLoraScale({ init_r: config.init_r, lora_alpha: alpha }) };
}

export interface AdaLoraFolderOptions {
  readonly settings: AdaLoraSettings;
  readonly totalSteps: number;
  readonly model: ModelConfig;
  readonly baseModel: string;
}

/**
 * The two files of an adapter. `values` are the trained parameters by path. As in peft, ranks whose E is 0 are omitted from
 * the tensors and marked in `rank_pattern`. The target modules are the shortest names.
 */
export function writeAdaLoraFolder(
  values: AdaLoraLayers,
  { settings, totalSteps, model, baseModel }: AdaLoraFolderOptions,
): Map<string, Uint8Array> {
  const tensors = new Map<string, Tensor<"f32">>();
  const pattern: Record<string, boolean[]> = {};
  for (const [path, factors] of values) {
    pattern[`${checkpointPath(path)}${PATTERN_END}`] = Array.from(factors.e.data, (value) => value !== 0);
    const { a, e, b } = livingRanks(factors);
    tensors.set(keyOf(path, "A"), transposed(a));
    tensors.set(keyOf(path, "B"), transposed(b));
    tensors.set(keyOf(path, "E"), f32([e.data.length, 1], e.data));
  }
  const isWhole = Object.values(pattern).flat().every(Boolean);
  const { init_r, target_r, tinit, tfinal, deltaT, beta1, beta2, orth_reg_weight, lora_alpha, lora_dropout } = settings;
  const config = adapterConfigJson("ADALORA", baseModel, {
    ...{ init_r, target_r, tinit, tfinal, deltaT, beta1, beta2, orth_reg_weight, lora_alpha, lora_dropout },
    alpha_pattern: {},
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    // AdaLoRA does not use it, but peft writes its default.
    r: 8,
    rank_pattern: isWhole ? null : pattern,
    target_modules: shortestNames([...values.keys()], nameable(model)).sort(),
    total_step: totalSteps,
    use_rslora: false,
  });
  return adapterFiles(config, tensors);
}

/** The layer without the ranks whose E is 0. */
export function livingRanks({ a, e, b }: AdaLoraFactors): AdaLoraFactors {
  const [inSize, rank] = a.shape as [number, number];
  const out = b.shape[1]!;
  const living = Array.from({ length: rank }, (_, i) => i).filter((i) => e.data[i] !== 0);
  const left = new Float32Array(inSize * living.length);
  const right = new Float32Array(living.length * out);
  for (const [at, i] of living.entries()) {
    for (let row = 0; row < inSize; row++) left[row * living.length + at] = a.data[row * rank + i]!;
    right.set(b.data.subarray(i * out, (i + 1) * out), at * out);
  }
  return {
    a: f32([inSize, living.length], left),
    e: f32(
      [living.length],
      living.map((i) => e.data[i]!),
    ),
    b: f32([living.length, out], right),
  };
}

const keyOf = (path: string, factor: string) => `base_model.model.${checkpointPath(path)}.lora_${factor}`;

/** The paths of the layers that must have tensors. */
function namedPaths(config: AdaLoraConfig, model: ModelConfig): ReadonlySet<string> {
  const isNamed = namedLayers(config, model);
  const paths = adaptableModules(model).map(({ path }) => path);
  const named = new Set(paths.filter(isNamed));
  if (named.size === 0) throw namesNoLayer(config.target_modules);
  return named;
}

/** The remaining rank of each layer in `rank_pattern`, by path, or by the unchanged name if that is not a layer's. */
function ranksLeft({ rank_pattern: pattern, init_r: rank }: AdaLoraConfig): Map<string, number> {
  return new Map(
    Object.entries(pattern ?? {}).map(([name, kept]) => {
      if (kept.length !== rank) {
        throw refuse(
          `rank_pattern in ${ADAPTER_CONFIG} has ${kept.length} entries for ${quoteName(name)}, but init_r is ${rank}`,
        );
      }
      return [pathOf(name), kept.filter(Boolean).length];
    }),
  );
}

/** The path of a layer in `rank_pattern`, or the unchanged name if that is not a layer's. */
function pathOf(name: string): string {
  return name.endsWith(PATTERN_END) ? name.slice(0, -PATTERN_END.length).replace(/^model\./, "") : name;
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
