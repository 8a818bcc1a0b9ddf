import { linearModules } from "../../model/modules.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import { requireOwnCopies } from "../lora/base-copies.ts";
import type { Resumption } from "../method.ts";
import { statedSettings } from "../stated.ts";
import { shortestNames } from "../target-modules.ts";
import { targetedScales } from "./attach.ts";
import { ia3Layers, takeScales } from "./format.ts";
import { Ia3Settings } from "./settings.ts";

export const ia3Resume: Resumption<Ia3Settings> = {
  settings({ config: json }, model) {
    const { targets, atInput } = ia3Layers(json, model);
    const names = (paths: readonly string[]) => shortestNames(paths, linearModules(model)).sort();
    return statedSettings(Ia3Settings, {
      type: "ia3",
      target_modules: names(targets),
      feedforward_modules: names(atInput),
    });
  },
  facts(options) {
    const scales = targetedScales(options);
    return {
      target_modules: scales.map(({ path }) => path),
      feedforward_modules: scales.flatMap(({ path, atInput }) => (atInput ? [path] : [])),
    };
  },
  async values({ config: json, tensors: stored }, { config, weights }) {
    const tensors = new AdapterTensors(stored);
    const { values } = takeScales(tensors, json, config);
    const base = { config, weight: async (name: string) => weights.get(name)! };
    await requireOwnCopies(tensors, { stored, base });
    tensors.done();
    return values;
  },
};
