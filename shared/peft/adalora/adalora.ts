import type { PeftMethod } from "../method.ts";
import { attachAdaLora, planAdaLora } from "./attach.ts";
import { adaLoraFormat } from "./format.ts";
import { publishAdaLora } from "./publish.ts";
import { AdaLoraSettings } from "./settings.ts";

export const adalora: PeftMethod<AdaLoraSettings> = {
  settings: AdaLoraSettings,
  plan: planAdaLora,
  attach: attachAdaLora,
  publish: publishAdaLora,
  format: adaLoraFormat,
  traits: {
    learningRate: 2,
    mergeable: true,
    suits: "a small adapter whose ranks are spent on the layers where they matter most",
  },
};
