import type { PeftMethod } from "../method.ts";
import { attachLora, planLora } from "./attach.ts";
import { loraFormat } from "./format.ts";
import { loraGates } from "./gates.ts";
import { loraResult } from "./publish.ts";
import { loraResume } from "./resume.ts";
import { LoraSettings } from "./settings.ts";

export const lora: PeftMethod<LoraSettings> = {
  settings: LoraSettings,
  plan: planLora,
  attach: attachLora,
  gates: loraGates,
  result: loraResult,
  resume: loraResume,
  format: loraFormat,
  traits: {
    learningRate: 1,
    mergeable: true,
    suits: "most tasks: close to full fine-tuning with a few per cent of its parameters",
  },
};
