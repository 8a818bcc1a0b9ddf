import type { PeftMethod } from "../method.ts";
import { attachIa3, planIa3 } from "./attach.ts";
import { ia3Format } from "./format.ts";
import { ia3Result } from "./publish.ts";
import { ia3Resume } from "./resume.ts";
import { Ia3Settings } from "./settings.ts";

export const ia3: PeftMethod<Ia3Settings> = {
  settings: Ia3Settings,
  plan: planIa3,
  attach: attachIa3,
  result: ia3Result,
  resume: ia3Resume,
  format: ia3Format,
  traits: {
    learningRate: 40,
    mergeable: true,
    suits:
      "many small tasks close to what the base can do: a few numbers per layer, and no extra matrix product when served",
  },
};
