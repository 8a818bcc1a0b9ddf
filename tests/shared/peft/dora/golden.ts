import { transposed } from "../../../../shared/model/weights.ts";
import { DoraSettings } from "../../../../shared/peft/dora/settings.ts";
import type { Tensor } from "../../../../shared/tensor.ts";

/** The settings of peft's folders in `golden/peft/dora*`. */
export const GOLDEN_SETTINGS = {
  dora: { r: 3, lora_alpha: 6, target_modules: ["q_proj", "v_proj", "down_proj", "up_proj"] },
  "dora-rslora-patterns": {
    r: 2,
    lora_alpha: 4,
    use_rslora: true,
    target_modules: ["k_proj", "o_proj", "gate_proj"],
    rank_pattern: { k_proj: 3, "layers.1.mlp.gate_proj": 1 },
    alpha_pattern: { o_proj: 8, k_proj: 2 },
  },
  "dora-qwen2": { r: 2, lora_alpha: 4, target_modules: ["q_proj", "k_proj", "v_proj"] },
};
export type GoldenDora = keyof typeof GOLDEN_SETTINGS;

export const goldenSettings = (name: GoldenDora): DoraSettings =>
  DoraSettings.parse({ type: "dora", ...GOLDEN_SETTINGS[name] });

/** Tensors of a file of peft's under the names and in the layout of the graph. */
export function graphTensors(stored: ReadonlyMap<string, Tensor<"f32">>): Map<string, Tensor<"f32">> {
  return new Map(
    [...stored].map(([key, tensor]) => {
      const name = key.replace("base_model.model.model.", "").replace(".weight", "");
      return [name, tensor.shape.length === 1 ? tensor : transposed(tensor)];
    }),
  );
}
