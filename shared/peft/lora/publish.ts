import { biasName } from "../../model/modules.ts";
import { f32, type Tensor, totalElements } from "../../tensor.ts";
import type { AdapterResult } from "../method.ts";
import { canonicalLora, type LoraAdapter, type LoraLayer, withoutStart } from "./adapter.ts";
import { biasChangeName, factorBiasName, factorNames, startOf } from "./attach.ts";
import { writeLoraFolder } from "./format.ts";
import type { LoraSettings } from "./settings.ts";
import { loraTargets } from "./targets.ts";

/**
 * The serving form, and the folder that peft loads. Factors that started as a part of the weight become factors of twice the
 * rank for the whole weight, so that the base stays everyone's.
 */
export const loraResult: AdapterResult<LoraSettings, LoraAdapter> = {
  kind: "adapter",
  async canonical(trained) {
    const { config, settings, values, weights } = trained;
    const { factors, biases } = loraTargets({ config, settings, param: "peft" });
    const layers = new Map<string, LoraLayer>();
    for (const target of factors) {
      const { path, alpha } = target;
      const names = factorNames(path);
      const bias = settings.lora_bias ? { bias: values.get(factorBiasName(path))! } : {};
      const layer: LoraLayer = { a: values.get(names.a)!, b: values.get(names.b)!, alpha, ...bias };
      const start = startOf(trained, target);
      layers.set(path, start === undefined ? layer : withoutStart(layer, start, settings.use_rslora));
    }
    const own: LoraAdapter = {
      rankStabilised: settings.use_rslora,
      layers,
      biases: new Map(
        biases.map(({ path }) => [path, sum(weights.get(biasName(path))!, values.get(biasChangeName(path))!)]),
      ),
    };
    const delta = await canonicalLora(own, { config, weight: async (name) => weights.get(name)! });
    return { method: "lora", delta, parameters: totalElements(values.values()), own };
  },
  files: ({ own }, { config, settings, base }) =>
    writeLoraFolder(own, { model: config, baseModel: base.id, dropout: settings.lora_dropout }),
};

function sum(left: Tensor<"f32">, right: Tensor<"f32">): Tensor<"f32"> {
  return f32(
    left.shape,
    left.data.map((value, at) => value + right.data[at]!),
  );
}
