import type { AdapterResult } from "../method.ts";
import {
  type BottleneckAdapter,
  type BottleneckTensors,
  canonicalBottlenecks,
  countNumbers,
  parameterNames,
} from "./adapter.ts";
import { architectureFor } from "./attach.ts";
import { writeBottleneckFolder } from "./format.ts";
import { type BottleneckSettings, bnConfigOf } from "./settings.ts";

/** The serving form with the scaling folded in, and the folder that AdapterHub's `adapters` loads. */
export const bottleneckResult: AdapterResult<BottleneckSettings, BottleneckAdapter> = {
  kind: "adapter",
  canonical({ config, settings, values }) {
    const architecture = architectureFor({ config, settings, param: "peft" });
    const tensors = architecture.sites.map(({ path }) => {
      const entries = Object.entries(parameterNames(path)).flatMap(([part, name]) => {
        const value = values.get(name);
        return value === undefined ? [] : [[part, value] as const];
      });
      return [path, Object.fromEntries(entries) as unknown as BottleneckTensors] as const;
    });
    const own = { architecture, tensors: new Map(tensors) };
    return { method: "bottleneck", delta: canonicalBottlenecks(own), parameters: countNumbers(own), own };
  },
  files: ({ own }, { config, settings, base }) =>
    writeBottleneckFolder(own, { bn: bnConfigOf(settings), model: config, baseModel: base.id }),
};
