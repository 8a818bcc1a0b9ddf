/**
 * BitFit's result in peft's form: a LoRA adapter of rank 1 whose factors are zero and whose `lora_B` has the change as
 * its own bias. So it applies to a base that has other biases, or none.
 */
import { type CanonicalModule, NO_DELTA } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import { adaptableModules } from "../../model/modules.ts";
import { type Tensor, zeros } from "../../tensor.ts";
import type { LoraLayer } from "../lora/adapter.ts";
import { biasChangeName } from "../lora/attach.ts";
import { writeLoraFolder } from "../lora/format.ts";
import type { AdapterResult } from "../method.ts";
import { biasedTargets } from "./attach.ts";
import type { BitfitSettings } from "./settings.ts";

/** Vectors [out] that are added to the outputs of layers, by path. */
type BiasChanges = ReadonlyMap<string, Tensor<"f32">>;

/** The changes as they are, and the folder that peft loads. */
export const bitfitResult: AdapterResult<BitfitSettings, BiasChanges> = {
  kind: "adapter",
  canonical({ config, settings, values }) {
    const modules = biasedTargets({ config, settings, param: "peft" });
    const changes = new Map(modules.map(({ path }) => [path, values.get(biasChangeName(path))!]));
    const linears = new Map([...changes].map(([path, bias]): [string, CanonicalModule] => [path, { bias }]));
    const parameters = modules.reduce((sum, { out }) => sum + out, 0);
    return { method: "bitfit", delta: { ...NO_DELTA, linears }, parameters, own: changes };
  },
  files: ({ own }, { config, base }) => writeBiasFolder(own, { model: config, baseModel: base.id }),
};

/** The two files of an adapter that adds a vector [out] to the output of each of these layers, by path. */
export function writeBiasFolder(
  changes: BiasChanges,
  { model, baseModel }: { readonly model: ModelConfig; readonly baseModel: string },
): Map<string, Uint8Array> {
  const layers = adaptableModules(model).flatMap(({ path, in: inSize, out }): [string, LoraLayer][] => {
    const bias = changes.get(path);
    // peft multiplies the bias by alpha / r too.
    return bias === undefined ? [] : [[path, { a: zeros([inSize, 1]), b: zeros([1, out]), alpha: 1, bias }]];
  });
  return writeLoraFolder({ rankStabilised: false, layers: new Map(layers), biases: new Map() }, { model, baseModel });
}
