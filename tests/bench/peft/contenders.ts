import { Peft } from "../../../shared/api/methods.ts";
import { type PeftChoice, PRESET_TYPES } from "../../../shared/peft/presets.ts";
import { PEFT_METHODS } from "../../../shared/peft/registry.ts";

/** One row of the comparison. */
export interface Contender {
  readonly name: string;
  readonly peft: PeftChoice;
}

/**
 * Every method of the registry and every preset, however new, with settings for a small base and a run of `steps` steps where
 * the defaults are made for larger models or longer runs; and variants of LoRA.
 */
export function contenders(steps: number): Contender[] {
  const settings: Readonly<Record<string, object>> = {
    // The embedded base has no biases.
    bitfit: { add_biases: true },
    // Some steps before the ranks shrink and some after.
    adalora: { tinit: Math.floor(steps / 5), tfinal: Math.floor(steps / 3) },
  };
  const variants: readonly (readonly [name: string, peft: object])[] = [
    ["lora r=32", { type: "lora", r: 32, lora_alpha: 64 }],
    ["rslora r=32", { type: "lora", r: 32, use_rslora: true }],
    ["pissa", { type: "lora", init_lora_weights: "pissa" }],
    ["lora+", { type: "lora", loraplus_lr_ratio: 4 }],
  ];
  return [
    ...[...Object.keys(PEFT_METHODS), ...PRESET_TYPES].map((type) => [type, { type, ...settings[type] }] as const),
    ...variants,
  ].map(([name, peft]) => ({ name, peft: Peft.parse(peft) }));
}
