import type { PeftMethod } from "../method.ts";
import { attachFull, planFull } from "./attach.ts";
import { fullResult } from "./publish.ts";
import { FullSettings } from "./settings.ts";

export const full: PeftMethod<FullSettings> = {
  settings: FullSettings,
  plan: planFull,
  attach: attachFull,
  result: fullResult,
  traits: {
    learningRate: 0.1,
    mergeable: true,
    suits: "large datasets or tasks far from the base, if a whole copy of the model per task is affordable",
  },
};
