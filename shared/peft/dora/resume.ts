import type { Tensor } from "../../tensor.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import { factorNames } from "../lora/attach.ts";
import { requireOwnCopies } from "../lora/base-copies.ts";
import { factorFacts, resumableConfig, statedFactors } from "../lora/resume.ts";
import type { Resumption } from "../method.ts";
import { cannotResume, statedSettings } from "../stated.ts";
import { doraTargets, magnitudeName } from "./attach.ts";
import { takeDora } from "./format.ts";
import { DoraSettings } from "./settings.ts";

export const doraResume: Resumption<DoraSettings> = {
  settings({ config: json }, model) {
    if (resumableConfig(json, model).bias !== "none") throw cannotResume("bias: no job trains biases with dora");
    return statedSettings(DoraSettings, { type: "dora", ...statedFactors(json, model) });
  },
  facts: (options) => factorFacts(doraTargets(options), options.settings),
  async values({ config: json, tensors: stored }, { config, weights }) {
    const tensors = new AdapterTensors(stored);
    const { lora, magnitudes } = takeDora(tensors, resumableConfig(json, config), config);
    const base = { config, weight: async (name: string) => weights.get(name)! };
    await requireOwnCopies(tensors, { stored, adapter: lora, base });
    tensors.done();
    const values = new Map<string, Tensor<"f32">>();
    for (const [path, { a, b }] of lora.layers) {
      const names = factorNames(path);
      values.set(names.a, a).set(names.b, b).set(magnitudeName(path), magnitudes.get(path)!);
    }
    return values;
  },
};
