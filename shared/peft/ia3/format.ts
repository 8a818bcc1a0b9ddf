/** An (IA)³ adapter as peft saves it. Layout: huggingface/peft, `src/peft/tuners/ia3`; method: Liu et al. 2022. */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { adaptableModules, biasName, checkpointPath, type LinearModule, linearModules } from "../../model/modules.ts";
import { f32, type Tensor } from "../../tensor.ts";
import { adapterConfigJson, ModuleNames, onlyValues, parseAdapterConfig } from "../adapter-config.ts";
import { ADAPTER_CONFIG, adapterFiles } from "../adapter-folder.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import type { AdapterFolder, AdapterFormat } from "../method.ts";
import { namesModule, shortestNames } from "../target-modules.ts";
import { byLayer, canonicalScales, NOT_ADDITIVE, type Scale, scaleName, scaleOf } from "./scales.ts";

const Ia3Config = z.looseObject({
  peft_type: z.literal("IA3"),
  target_modules: ModuleNames.nullish(),
  feedforward_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  exclude_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  fan_in_fan_out: onlyValues(false, null),
  task_type: onlyValues("CAUSAL_LM", null),
  base_model_name_or_path: z.string().nullish(),
});
type Ia3Config = z.infer<typeof Ia3Config>;

export const ia3Format: AdapterFormat = {
  recognises: ({ peft_type: type }) => type === "IA3",
  async read(folder, base) {
    const { scales, values } = readScales(folder, base.config);
    const biases = new Map<string, Tensor<"f32">>();
    const scaled = byLayer(scales);
    for (const { path, bias } of linearModules(base.config)) {
      if (bias && scaled.has(path)) biases.set(path, await base.weight(biasName(path)));
    }
    const parameters = scales.reduce((sum, { size }) => sum + size, 0);
    return { method: "ia3", delta: canonicalScales(scales, values, biases), parameters };
  },
};

/** The vectors of a folder by `scaleName`, each [size]. Throws `invalid_delta` as `AdapterFormat.read` says. */
export function readScales(
  { config: json, tensors: stored }: AdapterFolder,
  model: ModelConfig,
): { scales: Scale[]; values: Map<string, Tensor<"f32">> } {
  const config = parseAdapterConfig(json, Ia3Config, ["init_ia3_weights"]);
  const tensors = new AdapterTensors(stored);
  const scales: Scale[] = [];
  const values = new Map<string, Tensor<"f32">>();
  const named = namedPaths(config, model);
  for (const module of adaptableModules(model)) {
    const { path } = module;
    const key = keyOf(path);
    if (named === undefined ? !tensors.has(key) : !named.has(path)) {
      if (!tensors.has(key)) continue;
      throw refuse(`there are tensors for ${path}, which target_modules in ${ADAPTER_CONFIG} does not name`);
    }
    const atInput = isAtInput(config, module, stored.get(key)?.shape ?? []);
    const { data } = tensors.take(key, atInput ? [1, module.in] : [module.out, 1]);
    const scale = scaleOf(model, module, atInput);
    if (scale === undefined) throw refuse(`the adapter scales the input of ${path}; ${NOT_ADDITIVE}`);
    scales.push(scale);
    values.set(scaleName(path), f32([data.length], data));
  }
  tensors.done();
  if (scales.length === 0) throw refuse("the adapter has no tensor for any layer of the base model");
  return { scales, values };
}

/** The two files of an adapter, with the shortest names that stand for exactly its layers. */
export function writeIa3Folder(
  scales: readonly Scale[],
  values: ReadonlyMap<string, Tensor<"f32">>,
  { model, baseModel }: { readonly model: ModelConfig; readonly baseModel: string },
): Map<string, Uint8Array> {
  const names = (atInput: boolean) => {
    const paths = scales.filter((scale) => scale.atInput === atInput).map(({ path }) => path);
    return shortestNames(paths, linearModules(model)).sort();
  };
  const tensors = scales.map(({ path, atInput, size }) => {
    const { data } = values.get(scaleName(path))!;
    return [keyOf(path), f32(atInput ? [1, size] : [size, 1], data)] as const;
  });
  const config = adapterConfigJson("IA3", baseModel, {
    exclude_modules: null,
    fan_in_fan_out: false,
    feedforward_modules: names(true),
    init_ia3_weights: true,
    target_modules: [...names(false), ...names(true)].sort(),
  });
  return adapterFiles(config, new Map(tensors));
}

const keyOf = (path: string) => `base_model.model.${checkpointPath(path)}.ia3_l`;

/** The layers that must have tensors; undefined where a pattern names them, which is not run: then those that have some. */
function namedPaths(
  { target_modules: targets, exclude_modules: excluded }: Ia3Config,
  model: ModelConfig,
): ReadonlySet<string> | undefined {
  if (!Array.isArray(targets) || (excluded ?? "").length > 0) return undefined;
  const paths = adaptableModules(model)
    .map(({ path }) => path)
    .filter((path) => targets.some((name) => namesModule(name, path)));
  if (paths.length > 0) return new Set(paths);
  throw refuse(`target_modules in ${ADAPTER_CONFIG} (${targets.join(", ")}) names no layer of the base model`);
}

/** Names match the end of a path wherever it begins, as in peft; where a pattern stands for them, the tensor's shape tells. */
function isAtInput({ feedforward_modules: names }: Ia3Config, module: LinearModule, shape: readonly number[]): boolean {
  if (Array.isArray(names)) return names.some((name) => checkpointPath(module.path).endsWith(name));
  return shape.join() === `1,${module.in}`;
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
