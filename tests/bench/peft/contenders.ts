import { Peft } from "../../../shared/api/methods.ts";
import { type PeftChoice, PRESET_TYPES } from "../../../shared/peft/presets.ts";
import { PEFT_METHODS } from "../../../shared/peft/registry.ts";

/** One row of the comparison. */
export interface Contender {
  readonly name: string;
  readonly peft: PeftChoice;
}

/**
 * Every registered method and preset, plus variants of LoRA. Where a default is meant for larger models or longer runs, the
 * settings are adjusted to a small base and a run of `steps` steps.
 */
export function contenders(steps: number): Contender[] {
  const settings: Readonly<Record<string, object>> = {
    // The embedded base has no biases.
    bitfit: { add_biases: true },
    // Leave some steps before and after the ranks shrink.
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
