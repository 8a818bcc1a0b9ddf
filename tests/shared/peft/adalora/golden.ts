import { transposed } from "../../../../shared/model/weights.ts";
import { tripletNames } from "../../../../shared/peft/adalora/allocator.ts";
import type { AdaLoraLayers } from "../../../../shared/peft/adalora/format.ts";
import { AdaLoraSettings } from "../../../../shared/peft/adalora/settings.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";

/** The settings of peft's folders in `golden/peft/adalora*`. */
export const goldenSettings = AdaLoraSettings.parse({
  type: "adalora",
  init_r: 4,
  target_r: 2,
  lora_alpha: 6,
  tinit: 2,
  tfinal: 3,
  deltaT: 2,
  target_modules: ["q_proj", "v_proj", "down_proj"],
});

/** Tensors of a file of peft's under the names and in the layout of the graph. */
export function graphTensors(stored: ReadonlyMap<string, Tensor<"f32">>): Map<string, Tensor<"f32">> {
  return new Map(
    [...stored].map(([key, tensor]) => {
      const name = key.replace("base_model.model.model.", "");
      return [name, name.endsWith("lora_E") ? f32([tensor.shape[0]!], tensor.data) : transposed(tensor)];
    }),
  );
}

/** The values of every layer as parameters. */
export function parametersOf(layers: AdaLoraLayers): Map<string, Tensor<"f32">> {
  return new Map(
    [...layers].flatMap(([path, { a, e, b }]) => {
      const names = tripletNames(path);
      return [
        [names.a, a],
        [names.e, e],
        [names.b, b],
      ] as const;
    }),
  );
}
