/**
 * What BitFit learnt, as peft reads it: a LoRA adapter of rank 1 whose factors are zero and whose `lora_B` has the change
 * as its own bias. So it applies to a base that has other biases, or none.
 */
import { type CanonicalModule, NO_DELTA } from "../../delta/canonical.ts";
import { checkpointPath, linearModules } from "../../model/modules.ts";
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
  const tensors = new Map<string, Tensor<"f32">>();
  const linears = new Map<string, CanonicalModule>();
  for (const { path, in: inSize, out } of modules) {
    const bias = values.get(biasChangeName(path))!;
    const key = `base_model.model.${checkpointPath(path)}`;
    tensors.set(`${key}.lora_A.weight`, zeros([1, inSize]));
    tensors.set(`${key}.lora_B.weight`, zeros([out, 1]));
    tensors.set(`${key}.lora_B.bias`, bias);
    linears.set(path, { bias });
  }
  const names = shortestNames(
    modules.map(({ path }) => path),
    linearModules(config),
  );
  const json = adapterConfigJson("LORA", base.id, {
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    // peft multiplies the bias by alpha / r too.
    lora_alpha: 1,
    lora_bias: true,
    lora_dropout: 0,
    r: 1,
    target_modules: names.sort(),
    use_rslora: false,
  });
  const parameters = modules.reduce((sum, { out }) => sum + out, 0);
  const delta = { ...NO_DELTA, linears };
  return { kind: "adapter", adapter: { method: "bitfit", files: adapterFiles(json, tensors), delta, parameters } };
}
