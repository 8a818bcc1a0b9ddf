import type { PeftMethod } from "../method.ts";
import { attachBottleneck, bottleneckGates, planBottleneck } from "./attach.ts";
import { bottleneckFormat } from "./format.ts";
import { bottleneckResult } from "./publish.ts";
import { bottleneckResume } from "./resume.ts";
import { BottleneckSettings } from "./settings.ts";

export const bottleneck: PeftMethod<BottleneckSettings> = {
  settings: BottleneckSettings,
  plan: planBottleneck,
  attach: attachBottleneck,
  gates: bottleneckGates,
  result: bottleneckResult,
  resume: bottleneckResume,
  format: bottleneckFormat,
  traits: {
    learningRate: 2,
    mergeable: false,
    suits: "tasks that need new computation: the only small method with its own non-linearity",
  },
};
