import { adaptableModules } from "../../model/modules.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import { biasChangeName } from "../lora/attach.ts";
import { takeLora } from "../lora/format.ts";
import { resumableConfig } from "../lora/resume.ts";
import type { Resumption } from "../method.ts";
import { cannotResume, statedSettings } from "../stated.ts";
import { shortestNames } from "../target-modules.ts";
import { biasedTargets } from "./attach.ts";
import { BitfitSettings } from "./settings.ts";

/** The folder is LoRA's, with factors of 0 and the changes as the factors' own biases. */
export const bitfitResume: Resumption<BitfitSettings> = {
  settings({ config: json }, model) {
    const { targets, biasOfFactors } = resumableConfig(json, model);
    if (!biasOfFactors) throw cannotResume("lora_bias is not set, so this is no adapter of bitfit's");
    const layers = adaptableModules(model).filter(({ path }) => targets(path));
    return statedSettings(BitfitSettings, {
      type: "bitfit",
      target_modules: shortestNames(
        layers.map(({ path }) => path),
        adaptableModules(model),
      ).sort(),
      add_biases: layers.some(({ bias }) => !bias),
    });
  },
  facts: (options) => ({ target_modules: biasedTargets(options).map(({ path }) => path) }),
  async values({ config: json, tensors: stored }, { config }) {
    const tensors = new AdapterTensors(stored);
    const { layers } = takeLora(tensors, resumableConfig(json, config), config);
    tensors.done();
    const trained = [...layers].find(([, { a, b }]) => [...a.data, ...b.data].some((value) => value !== 0));
    if (trained !== undefined)
      throw cannotResume(`the factors of ${trained[0]} are not 0, so bitfit did not train them`);
    return new Map([...layers].map(([path, { bias }]) => [biasChangeName(path), bias!]));
  },
};
