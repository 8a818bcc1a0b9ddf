import type { LoraAdapter } from "../lora/adapter.ts";
import { loraResult } from "../lora/publish.ts";
import type { AdapterResult } from "../method.ts";
import { loraPart, quantisationOf } from "./attach.ts";
import type { QloraSettings } from "./settings.ts";

/** LoRA's result. Its files cannot record the form of the base, so the delta's manifest does. */
export const qloraResult: AdapterResult<QloraSettings, LoraAdapter> = {
  kind: "adapter",
  async canonical({ settings, ...trained }) {
    const content = await loraResult.canonical({ ...trained, settings: loraPart(settings) });
    return { ...content, method: "qlora", quantisation: quantisationOf(settings) };
  },
  files: (content, { settings, ...options }) => loraResult.files(content, { ...options, settings: loraPart(settings) }),
};
