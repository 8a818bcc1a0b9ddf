import type { PeftMethod } from "../method.ts";
import { attachPrefix, planPrefix, prefixGates } from "./attach.ts";
import { prefixFormat } from "./format.ts";
import { prefixResult } from "./publish.ts";
import { PrefixSettings } from "./settings.ts";

export const prefix: PeftMethod<PrefixSettings> = {
  settings: PrefixSettings,
  plan: planPrefix,
  attach: attachPrefix,
  gates: prefixGates,
  result: prefixResult,
  format: prefixFormat,
  // The weights of a network want smaller steps than keys and values themselves.
  learningRate: ({ prefix_projection: projects }) => (projects ? 4 : 60),
  traits: {
    learningRate: 60,
    mergeable: false,
    suits: "generation in a style or format, with the base's layers left alone; it takes up context",
  },
};
