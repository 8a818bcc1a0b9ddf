import type { PeftMethod } from "../method.ts";
import { attachBitfit, planBitfit } from "./attach.ts";
import { bitfitResult } from "./publish.ts";
import { bitfitResume } from "./resume.ts";
import { BitfitSettings } from "./settings.ts";

/** Has no separate format: its adapters are saved and read as LoRA folders. */
export const bitfit: PeftMethod<BitfitSettings> = {
  settings: BitfitSettings,
  plan: planBitfit,
  attach: attachBitfit,
  result: bitfitResult,
  resume: bitfitResume,
  traits: {
    learningRate: 20,
    mergeable: true,
    suits: "small tasks on models with biases; the smallest adapters of all methods that change the layers",
  },
};
