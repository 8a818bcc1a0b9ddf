import type { PeftMethod } from "../method.ts";
import { attachPrompt, planPrompt } from "./attach.ts";
import { promptFormat } from "./format.ts";
import { promptResult } from "./publish.ts";
import { promptResume } from "./resume.ts";
import { PromptSettings } from "./settings.ts";

export const prompt: PeftMethod<PromptSettings> = {
  settings: PromptSettings,
  plan: planPrompt,
  attach: attachPrompt,
  result: promptResult,
  resume: promptResume,
  format: promptFormat,
  traits: {
    learningRate: 20,
    mergeable: false,
    suits: "steering what a large model can already do without changing any layer; takes up context",
  },
};
