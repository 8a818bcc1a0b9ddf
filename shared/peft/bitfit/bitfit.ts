import type { PeftMethod } from "../method.ts";
import { attachBitfit, planBitfit } from "./attach.ts";
import { bitfitResult } from "./publish.ts";
import { BitfitSettings } from "./settings.ts";

/** Its folders are LoRA's, and are read as such. */
export const bitfit: PeftMethod<BitfitSettings> = {
  settings: BitfitSettings,
  plan: planBitfit,
  attach: attachBitfit,
  result: bitfitResult,
  traits: {
    learningRate: 20,
    mergeable: true,
    suits: "small tasks on a model with biases, with the least to store of all methods that change the layers",
  },
};
