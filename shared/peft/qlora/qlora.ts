import { loraGates } from "../lora/gates.ts";
import type { PeftMethod } from "../method.ts";
import { attachQlora, loraPart, planQlora, qloraBase } from "./attach.ts";
import { qloraResult } from "./publish.ts";
import { qloraResume } from "./resume.ts";
import { QloraSettings } from "./settings.ts";

export const qlora: PeftMethod<QloraSettings> = {
  settings: QloraSettings,
  plan: planQlora,
  attach: attachQlora,
  gates: (options) => loraGates({ ...options, settings: loraPart(options.settings) }),
  base: qloraBase,
  result: qloraResult,
  resume: qloraResume,
  traits: {
    learningRate: 1,
    mergeable: true,
    suits: "bases that would not fit in memory otherwise: LoRA on 4-bit weights, slightly less exact",
  },
};
