import type { PeftMethod } from "../method.ts";
import { attachAdaLora, planAdaLora } from "./attach.ts";
import { adaLoraFormat } from "./format.ts";
import { adaloraResult } from "./publish.ts";
import { AdaLoraSettings } from "./settings.ts";

export const adalora: PeftMethod<AdaLoraSettings> = {
  settings: AdaLoraSettings,
  plan: planAdaLora,
  attach: attachAdaLora,
  result: adaloraResult,
  format: adaLoraFormat,
  traits: {
    // E starts at 0 between small vectors: at LoRA's rate, forty steps on the embedded base bring the held-out loss from 7.0 to
    // 4.2, at four times it to 0.05, where LoRA gets in as many.
    learningRate: 4,
    mergeable: true,
    suits: "a small adapter whose ranks are spent on the layers where they matter most",
  },
};
