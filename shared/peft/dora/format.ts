/**
 * A DoRA adapter as peft saves it: a LoRA folder with `use_dora` and a magnitude for each layer. Layout: huggingface/peft,
 * `src/peft/tuners/lora`; method: Liu et al. 2024.
 */
import type { CanonicalDelta, CanonicalModule } from "../../delta/canonical.ts";
import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { EMBEDDING_PATH } from "../../model/modules.ts";
import { f32, type Tensor, totalElements } from "../../tensor.ts";
import { ADAPTER_CONFIG, adapterFiles } from "../adapter-folder.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import { canonicalLora, countLora, type LoraAdapter } from "../lora/adapter.ts";
import { type ConfigOptions, type LoraConfig, loraConfigJson, parseLoraConfig } from "../lora/adapter-config.ts";
import { requireOwnCopies } from "../lora/base-copies.ts";
import { loraTensors, moduleKey, takeLora } from "../lora/format.ts";
import { takeSaved, withSaved } from "../lora/saved-modules.ts";
import { layerWeight, layerWeightName } from "../lora/start.ts";
import type { AdapterFolder, AdapterFormat, BaseAccess } from "../method.ts";
import { outputScales } from "./norms.ts";

export interface DoraAdapter {
  readonly lora: LoraAdapter;
  /** m [out] of each of the adapter's layers, by module path. */
  readonly magnitudes: ReadonlyMap<string, Tensor<"f32">>;
}

export const doraFormat: AdapterFormat = {
  recognises: ({ peft_type: type, use_dora: dora }) => type === "LORA" && dora === true,
  async read({ config: json, tensors: stored }, base) {
    const config = parseDoraConfig(json, base.config);
    const tensors = new AdapterTensors(stored);
    const adapter = takeDora(tensors, config, base.config);
    const saved = await takeSaved(tensors, { saved: config.saved, targets: config.targets, base });
    await requireOwnCopies(tensors, { stored, adapter: adapter.lora, base });
    tensors.done();
    return {
      method: "dora",
      delta: withSaved(await canonicalDora(adapter, base), saved),
      parameters: countDora(adapter) + saved.parameters,
    };
  },
};

/** LoRA's configuration, without what cannot be combined with magnitudes. Throws `invalid_delta`. */
function parseDoraConfig(json: AdapterFolder["config"], model: ModelConfig): LoraConfig {
  const config = parseLoraConfig(json, model);
  if (config.targets(EMBEDDING_PATH)) {
    throw refuse(
      `use_dora in ${ADAPTER_CONFIG} is not supported with the target ${EMBEDDING_PATH}: a delta cannot scale embeddings`,
    );
  }
  if (config.biasOfFactors)
    throw refuse(`lora_bias in ${ADAPTER_CONFIG} cannot be combined with use_dora (nor can it in peft)`);
  return config;
}

/** Takes the factors and magnitudes named by the configuration and leaves the other tensors. Throws `invalid_delta`. */
export function takeDora(tensors: AdapterTensors, config: LoraConfig, model: ModelConfig): DoraAdapter {
  const lora = takeLora(tensors, config, model);
  const magnitudes = new Map(
    [...lora.layers].map(([path, { b }]) => [path, tensors.take(magnitudeKey(path), [b.shape[1]!])]),
  );
  return { lora, magnitudes };
}

/** The adapter in its serving form: LoRA's form, with the outputs of every layer rescaled, including the columns of B. */
export async function canonicalDora({ lora, magnitudes }: DoraAdapter, base: BaseAccess): Promise<CanonicalDelta> {
  const delta = await canonicalLora(lora, base);
  const linears = new Map<string, CanonicalModule>(delta.linears);
  for (const [path, magnitude] of magnitudes) {
    const weight = layerWeight(path, await base.weight(layerWeightName(path, base.config)));
    const { a, b, ...others } = linears.get(path) ?? {};
    if (a === undefined || b === undefined) {
      linears.set(path, { ...others, scale: outputScales(weight, magnitude) });
      continue;
    }
    const scale = outputScales(weight, magnitude, { a, b });
    const out = scale.data.length;
    const columns = f32(
      b.shape,
      b.data.map((value, at) => value * scale.data[at % out]!),
    );
    linears.set(path, { ...others, a, b: columns, scale });
  }
  return { ...delta, linears };
}

/** The number of parameters in the adapter. */
export function countDora({ lora, magnitudes }: DoraAdapter): number {
  return totalElements(magnitudes.values()) + countLora(lora);
}

/** The two files that peft loads. */
export function writeDoraFolder({ lora, magnitudes }: DoraAdapter, options: ConfigOptions): Map<string, Uint8Array> {
  const config = { ...loraConfigJson(lora, options), use_dora: true };
  const vectors = [...magnitudes].map(([path, magnitude]) => [magnitudeKey(path), magnitude] as const);
  return adapterFiles(config, new Map([...loraTensors(lora), ...vectors]));
}

const magnitudeKey = (path: string) => `${moduleKey(path)}.lora_magnitude_vector`;

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
