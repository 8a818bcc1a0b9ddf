/**
 * A bottleneck adapter as AdapterHub's `adapters` saves it with safetensors, under any name. Layout: adapter-hub/adapters,
 * `src/adapters/loading.py` and `methods/bottleneck.py`.
 *
 *     adapter_config.json    {config: {…BnConfig}, hidden_size, model_class, model_name, model_type, name, version}
 *     adapter.safetensors    model.layers.{n}.{attention|output}_adapters.adapters.{name}.
 *                                adapter_down.0.{weight [M, D], bias [M]}, adapter_up.{weight [D, M], bias [D]}, scaling
 */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { quoteName } from "../../formats/strict-json.ts";
import type { ModelConfig } from "../../model/config.ts";
import { transposed } from "../../model/weights.ts";
import type { Tensor } from "../../tensor.ts";
import { parseAdapterConfig } from "../adapter-config.ts";
import { ADAPTER_CONFIG, adapterFiles } from "../adapter-folder.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import type { AdapterFolder, AdapterFormat } from "../method.ts";
import { type BottleneckAdapter, type BottleneckTensors, canonicalBottlenecks, countNumbers } from "./adapter.ts";
import { architectureOf } from "./architecture.ts";
import { type BnConfig, BnFields, defined, withDefaults } from "./settings.ts";

/** AdapterHub's name for peft's `adapter_model.safetensors`. */
const WEIGHTS_FILE = "adapter.safetensors";
/** The name of published adapters in `adapters`, unless the user loads them under another. */
const NAME = "trimtab";

const CLASSES = { llama: "LlamaForCausalLM", mistral: "MistralForCausalLM", qwen2: "Qwen2ForCausalLM" } as const;

const Layout = z.looseObject({
  config: z.record(z.string(), z.unknown()),
  name: z.string().min(1).max(256),
  hidden_size: z.int().nullish(),
});

const { shape } = BnFields.omit({ init_weights: true, dropout: true });
const Fields = z.looseObject({
  ...z.object(shape).partial().shape,
  mh_adapter: shape.mh_adapter,
  output_adapter: shape.output_adapter,
  reduction_factor: shape.reduction_factor,
  non_linearity: z.string().toLowerCase().pipe(shape.non_linearity),
  use_gating: z
    .literal(false, "is not supported: AdapterHub's gates average over the whole text, including later tokens")
    .optional(),
});

/** Fields that only concern training, or features that other fields disable. */
const IGNORED = [
  ...["init_weights", "init_weights_seed", "dropout", "stochastic_depth", "inv_adapter_reduction_factor"],
  ...["phm_dim", "factorized_phm_W", "shared_W_phm", "shared_phm_rule", "factorized_phm_rule", "phm_c_init"],
  ...["phm_init_range", "learn_phm", "hypercomplex_nonlinearity", "phm_rank", "phm_bias"],
];

export const bottleneckFormat: AdapterFormat = {
  weightsFile: WEIGHTS_FILE,
  recognises: ({ peft_type: type, config }) => type === undefined && typeof config === "object" && config !== null,
  read(folder, base) {
    const adapter = readBottlenecks(folder, base.config);
    const parameters = countNumbers(adapter);
    return Promise.resolve({ method: "bottleneck", delta: canonicalBottlenecks(adapter), parameters });
  },
};

/** Throws `invalid_delta` as `AdapterFormat.read` does. */
export function readBottlenecks(
  { config: json, tensors: stored }: AdapterFolder,
  model: ModelConfig,
): BottleneckAdapter {
  const { bn, name } = readBnConfig(json, model);
  const architecture = architectureOf(bn, model, (field, problem) => refuse(`${ADAPTER_CONFIG}: ${field} ${problem}`));
  const tensors = new AdapterTensors(stored, WEIGHTS_FILE);
  const root = rootOf(tensors.keys());
  const read = architecture.sites.map(({ path, columns }): readonly [string, BottleneckTensors] => {
    const at = `${root}${keyOf(path, name)}`;
    const width = model.hiddenSize;
    const scaling = architecture.scaling === "learned" ? [1] : architecture.scaling === "channel" ? [width] : undefined;
    const adapter = {
      down: transposed(tensors.take(`${at}.adapter_down.0.weight`, [columns, width])),
      downBias: tensors.take(`${at}.adapter_down.0.bias`, [columns]),
      up: transposed(tensors.take(`${at}.adapter_up.weight`, [width, columns])),
      upBias: tensors.take(`${at}.adapter_up.bias`, [width]),
      ...(scaling === undefined ? {} : { scaling: tensors.take(`${at}.scaling`, scaling) }),
    };
    return [path, adapter];
  });
  tensors.done();
  return { architecture, tensors: new Map(read) };
}

/** What a configuration says about the adapters, and the name that is part of their tensors' names. Throws `invalid_delta`. */
export function readBnConfig(
  json: AdapterFolder["config"],
  model: ModelConfig,
): { readonly bn: BnConfig; readonly name: string } {
  const layout = parseAdapterConfig(json, Layout, ["model_type", "model_name", "model_class", "version", "config_id"]);
  if (layout.hidden_size != null && layout.hidden_size !== model.hiddenSize) {
    throw refuse(
      `the adapter is for a model of width ${layout.hidden_size}, but the base's width is ${model.hiddenSize}`,
    );
  }
  const { architecture: method = null, ...fields } = layout.config;
  if (method !== null && method !== "bottleneck") {
    throw refuse(
      `${ADAPTER_CONFIG}: AdapterHub's ${quoteName(String(method))} is not supported, only its \`bottleneck\`. Save LoRA, (IA)³, prompt and prefix tuning as peft folders.`,
    );
  }
  const bn = withDefaults(defined(parseAdapterConfig(fields, Fields, IGNORED)));
  return { bn, name: layout.name };
}

export function writeBottleneckFolder(
  { tensors }: BottleneckAdapter,
  { bn, model, baseModel }: { readonly bn: BnConfig; readonly model: ModelConfig; readonly baseModel: string },
): Map<string, Uint8Array> {
  const stored = new Map<string, Tensor<"f32">>();
  for (const [path, { down, downBias, up, upBias, scaling }] of tensors) {
    const at = `model.${keyOf(path, NAME)}`;
    stored.set(`${at}.adapter_down.0.weight`, transposed(down)).set(`${at}.adapter_down.0.bias`, downBias);
    stored.set(`${at}.adapter_up.weight`, transposed(up)).set(`${at}.adapter_up.bias`, upBias);
    if (scaling !== undefined) stored.set(`${at}.scaling`, scaling);
  }
  const config = {
    config: { ...bn, use_gating: false },
    hidden_size: model.hiddenSize,
    model_class: CLASSES[model.modelType],
    model_name: baseModel,
    model_type: model.modelType,
    name: NAME,
    version: "adapters.1.3.0",
  };
  const files = adapterFiles(config, stored, WEIGHTS_FILE);
  // `adapters` expects `scaling` to be a Python float or str, and accepts no int.
  const text = new TextDecoder().decode(files.get(ADAPTER_CONFIG)!).replace(/("scaling": \d+)(?=,?\n)/, "$1.0");
  return files.set(ADAPTER_CONFIG, new TextEncoder().encode(text));
}

const PARTS = { self_attn: "attention_adapters", mlp: "output_adapters" } as const;

/** The module of a block's adapter within the decoder, such as `layers.0.output_adapters.adapters.{name}`. */
function keyOf(path: string, name: string): string {
  const [layers, layer, part] = path.split(".") as [string, string, keyof typeof PARTS];
  return `${layers}.${layer}.${PARTS[part]}.adapters.${name}`;
}

/** A decoder saved without its head has its layers at the top level. */
function rootOf(keys: readonly string[]): "" | "model." {
  const [first] = keys;
  if (first === undefined) throw refuse("the adapter has no tensors");
  if (first.startsWith("layers.")) return "";
  if (first.startsWith("model.layers.")) return "model.";
  throw refuse(`the tensor ${quoteName(first)} matches no layer; only adapters of decoders are supported`);
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
