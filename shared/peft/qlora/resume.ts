import { loraResume } from "../lora/resume.ts";
import type { Resumption } from "../method.ts";
import { statedSettings } from "../stated.ts";
import { loraPart } from "./attach.ts";
import { QloraSettings } from "./settings.ts";

/** LoRA's files. Only the manifest records the form of the base, without which the factors mean something else. */
export const qloraResume: Resumption<QloraSettings> = {
  settings({ quantisation, ...published }, model) {
    const form = quantisation === undefined ? {} : { bnb_4bit_use_double_quant: quantisation.doubleQuantised };
    return statedSettings(QloraSettings, { ...loraResume.settings(published, model), ...form, type: "qlora" });
  },
  facts: ({ settings, ...options }) => ({
    ...loraResume.facts({ ...options, settings: loraPart(settings) }),
    bnb_4bit_use_double_quant: settings.bnb_4bit_use_double_quant,
  }),
  values: (folder, { settings, ...options }) => loraResume.values(folder, { ...options, settings: loraPart(settings) }),
};
