/**
 * What BitFit learnt, as peft reads it: a LoRA adapter of rank 1 whose factors are zero and whose `lora_B` has the change
 * as its own bias. So it applies to a base that has other biases, or none.
 */
import { type CanonicalModule, NO_DELTA } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import { adaptableModules, checkpointPath, linearModules } from "../../model/modules.ts";
import { type Tensor, zeros } from "../../tensor.ts";
import { adapterConfigJson } from "../adapter-config.ts";
import { adapterFiles } from "../adapter-folder.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { shortestNames } from "../target-modules.ts";
import { biasChangeName, biasedTargets } from "./attach.ts";
import type { BitfitSettings } from "./settings.ts";

/** The folder that peft loads, and the changes as they are. */
export function publishBitfit({ config, settings, values, base }: PublishOptions<BitfitSettings>): PublishedPart {
  const modules = biasedTargets({ config, settings, param: "peft" });
  const changes = new Map(modules.map(({ path }) => [path, values.get(biasChangeName(path))!]));
  const linears = new Map([...changes].map(([path, bias]): [string, CanonicalModule] => [path, { bias }]));
  const files = writeBiasFolder(changes, { model: config, baseModel: base.id });
  const parameters = modules.reduce((sum, { out }) => sum + out, 0);
  return { kind: "adapter", adapter: { method: "bitfit", files, delta: { ...NO_DELTA, linears }, parameters } };
}

/** The two files of an adapter that adds a vector [out] to the output of each of these layers, by path. */
export function writeBiasFolder(
  changes: ReadonlyMap<string, Tensor<"f32">>,
  { model, baseModel }: { readonly model: ModelConfig; readonly baseModel: string },
): Map<string, Uint8Array> {
  const tensors = new Map<string, Tensor<"f32">>();
  for (const { path, in: inSize, out } of adaptableModules(model)) {
    const bias = changes.get(path);
    if (bias === undefined) continue;
    const key = `base_model.model.${checkpointPath(path)}`;
    tensors.set(`${key}.lora_A.weight`, zeros([1, inSize]));
    tensors.set(`${key}.lora_B.weight`, zeros([out, 1]));
    tensors.set(`${key}.lora_B.bias`, bias);
  }
  const json = adapterConfigJson("LORA", baseModel, {
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    // peft multiplies the bias by alpha / r too.
    lora_alpha: 1,
    lora_bias: true,
    lora_dropout: 0,
    r: 1,
    target_modules: shortestNames([...changes.keys()], linearModules(model)).sort(),
    use_rslora: false,
  });
  return adapterFiles(json, tensors);
}
