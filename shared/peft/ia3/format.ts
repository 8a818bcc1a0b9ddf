/** An (IA)³ adapter as peft saves it. Layout: huggingface/peft, `src/peft/tuners/ia3`; method: Liu et al. 2022. */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { adaptableModules, biasName, checkpointPath, linearModules } from "../../model/modules.ts";
import { f32, type Tensor } from "../../tensor.ts";
import { adapterConfigJson, ModuleNames, onlyValues, parseAdapterConfig } from "../adapter-config.ts";
import { ADAPTER_CONFIG, adapterFiles } from "../adapter-folder.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import { configPlace, namedLayers, namesNoLayer } from "../lora/adapter-config.ts";
import { requireOwnCopies } from "../lora/base-copies.ts";
import type { AdapterFolder, AdapterFormat } from "../method.ts";
import { modulesNamed, shortestNames } from "../target-modules.ts";
import { byLayer, canonicalScales, NOT_ADDITIVE, type Scale, scaleName, scaleOf } from "./scales.ts";

const moduleNames = z.union([z.string(), z.array(z.string())]);
const Ia3Config = z.looseObject({
  peft_type: z.literal("IA3"),
  target_modules: ModuleNames,
  feedforward_modules: moduleNames.nullish(),
  exclude_modules: moduleNames.nullish(),
  fan_in_fan_out: onlyValues(false, null),
  task_type: onlyValues("CAUSAL_LM", null),
  base_model_name_or_path: z.string().nullish(),
});
type Ia3Config = z.infer<typeof Ia3Config>;

export const ia3Format: AdapterFormat = {
  recognises: ({ peft_type: type }) => type === "IA3",
  async read(folder, base) {
    const tensors = new AdapterTensors(folder.tensors);
    const { scales, values } = takeScales(tensors, folder.config, base.config);
    await requireOwnCopies(tensors, { stored: folder.tensors, base });
    tensors.done();
    const biases = new Map<string, Tensor<"f32">>();
    const scaled = byLayer(scales);
    for (const { path, bias } of linearModules(base.config)) {
      if (bias && scaled.has(path)) biases.set(path, await base.weight(biasName(path)));
    }
    const parameters = scales.reduce((sum, { size }) => sum + size, 0);
    return { method: "ia3", delta: canonicalScales(scales, values, biases), parameters };
  },
};

/** Takes the vectors of a folder, by `scaleName`, each [size]. Throws `invalid_delta` as `AdapterFormat.read` does. */
export function takeScales(
  tensors: AdapterTensors,
  json: AdapterFolder["config"],
  model: ModelConfig,
): { scales: Scale[]; values: Map<string, Tensor<"f32">> } {
  const config = parseAdapterConfig(json, Ia3Config, ["init_ia3_weights"]);
  const isTarget = namedLayers(config, model);
  const isAtInput = inputTest(config);
  const scales: Scale[] = [];
  const values = new Map<string, Tensor<"f32">>();
  for (const module of adaptableModules(model)) {
    const { path } = module;
    const key = keyOf(path);
    if (!isTarget(path)) {
      if (!tensors.has(key)) continue;
      throw refuse(`there are tensors for ${path}, but target_modules in ${ADAPTER_CONFIG} does not include it`);
    }
    const atInput = isAtInput(path);
    const { data } = tensors.take(key, atInput ? [1, module.in] : [module.out, 1]);
    const scale = scaleOf(model, module, atInput);
    if (scale === undefined) throw refuse(`the adapter scales the input of ${path}; ${NOT_ADDITIVE}`);
    scales.push(scale);
    values.set(scaleName(path), f32([data.length], data));
  }
  if (scales.length > 0) return { scales, values };
  throw namesNoLayer(config.target_modules);
}

/** The layers that a configuration names, and those of them that are scaled at their input. Throws `invalid_delta`. */
export function ia3Layers(
  json: AdapterFolder["config"],
  model: ModelConfig,
): { readonly targets: readonly string[]; readonly atInput: readonly string[] } {
  const config = parseAdapterConfig(json, Ia3Config, ["init_ia3_weights"]);
  const isAtInput = inputTest(config);
  const targets = adaptableModules(model)
    .map(({ path }) => path)
    .filter(namedLayers(config, model));
  if (targets.length === 0) throw namesNoLayer(config.target_modules);
  return { targets, atInput: targets.filter(isAtInput) };
}

/** The two files of an adapter, with the shortest names that match exactly its layers. */
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

/** As in peft, a name matches every path that ends with it, even mid-word, and the default is `down_proj`. */
function inputTest({ feedforward_modules: names }: Ia3Config): (path: string) => boolean {
  if (typeof names === "string") return modulesNamed(names, configPlace("feedforward_modules"));
  const suffixes = new Set(names ?? ["down_proj"]);
  return (path) => {
    const whole = checkpointPath(path);
    return Array.from({ length: whole.length + 1 }, (_, start) => whole.slice(start)).some((end) => suffixes.has(end));
  };
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
