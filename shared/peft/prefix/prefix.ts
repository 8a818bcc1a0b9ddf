import type { PeftMethod } from "../method.ts";
import { attachPrefix, planPrefix, prefixGates } from "./attach.ts";
import { prefixFormat } from "./format.ts";
import { prefixResult } from "./publish.ts";
import { prefixResume } from "./resume.ts";
import { PrefixSettings } from "./settings.ts";

export const prefix: PeftMethod<PrefixSettings> = {
  settings: PrefixSettings,
  plan: planPrefix,
  attach: attachPrefix,
  gates: prefixGates,
  result: prefixResult,
  resume: prefixResume,
  format: prefixFormat,
  // The weights of a network need smaller steps than the keys and values themselves.
  learningRate: ({ prefix_projection: projects }) => (projects ? 4 : 60),
  traits: {
    learningRate: 60,
    mergeable: false,
    suits: "generating in a given style or format without changing any layer; takes up context",
  },
};
