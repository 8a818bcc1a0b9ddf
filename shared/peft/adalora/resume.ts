import { f32, type Tensor } from "../../tensor.ts";
import { nameable } from "../lora/targets.ts";
import type { Resumption } from "../method.ts";
import { cannotResume, statedSettings } from "../stated.ts";
import { shortestNames } from "../target-modules.ts";
import { tripletNames } from "./allocator.ts";
import { planAdaLora } from "./attach.ts";
import { keptRanks, readAdaLora } from "./format.ts";
import { AdaLoraSettings } from "./settings.ts";

/** Settings of the run that the files repeat. */
const OF_TRAINING = ["target_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight", "lora_dropout"];

/**
 * Ranks that were removed are not in the files. They start as in a run from the base, with E at 0, so that they change
 * nothing until the allocator brings them back.
 */
export const adaloraResume: Resumption<AdaLoraSettings> = {
  settings({ config: json }, model) {
    if (json.bias !== undefined && json.bias !== null && json.bias !== "none") {
      throw cannotResume("bias: no job trains biases with adalora");
    }
    const paths = [...keptRanks(json, model).keys()];
    const stated = OF_TRAINING.flatMap((name) => (json[name] == null ? [] : [[name, json[name]] as const]));
    const { init_r, lora_alpha: alpha } = json as { init_r: number; lora_alpha: number };
    return statedSettings(AdaLoraSettings, {
      type: "adalora",
      init_r,
      lora_alpha: alpha > 0 ? alpha : init_r,
      target_modules: shortestNames(paths, nameable(model)).sort(),
      ...Object.fromEntries(stated),
    });
  },
  facts(options) {
    const { init_r, lora_alpha } = options.settings;
    return { target_modules: planAdaLora(options).parameters.map(({ name }) => name), init_r, lora_alpha };
  },
  async values(folder, { config, initial }) {
    const values = new Map<string, Tensor<"f32">>();
    const kept = keptRanks(folder.config, config);
    for (const [path, { a, e, b }] of readAdaLora(folder, config).layers) {
      const names = tripletNames(path);
      const places = kept.get(path)!.flatMap((is, at) => (is ? [at] : []));
      const [wholeA, wholeB] = [initial.get(names.a)!, initial.get(names.b)!];
      const [inSize, rank] = wholeA.shape as readonly [number, number];
      const out = wholeB.shape[1]!;
      const [left, middle, right] = [wholeA.data.slice(), new Float32Array(rank), wholeB.data.slice()];
      for (const [at, place] of places.entries()) {
        for (let row = 0; row < inSize; row++) left[row * rank + place] = a.data[row * places.length + at]!;
        middle[place] = e.data[at]!;
        right.set(b.data.subarray(at * out, (at + 1) * out), place * out);
      }
      values.set(names.a, f32([inSize, rank], left)).set(names.e, f32([rank], middle));
      values.set(names.b, f32([rank, out], right));
    }
    return values;
  },
};
