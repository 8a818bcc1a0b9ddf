import type { PeftMethod } from "../method.ts";
import { attachDora, planDora } from "./attach.ts";
import { doraFormat } from "./format.ts";
import { doraResult } from "./publish.ts";
import { doraResume } from "./resume.ts";
import { DoraSettings } from "./settings.ts";

export const dora: PeftMethod<DoraSettings> = {
  settings: DoraSettings,
  plan: planDora,
  attach: attachDora,
  result: doraResult,
  resume: doraResume,
  format: doraFormat,
  traits: {
    learningRate: 1,
    mergeable: true,
    suits: "the same tasks as LoRA, when a low rank has to achieve as much as a higher one",
  },
};
