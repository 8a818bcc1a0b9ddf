import type { PublishedPart, PublishOptions } from "../method.ts";
import { type BottleneckTensors, canonicalBottlenecks, countNumbers, parameterNames } from "./adapter.ts";
import { architectureFor } from "./attach.ts";
import { writeBottleneckFolder } from "./format.ts";
import { type BottleneckSettings, bnConfigOf } from "./settings.ts";

/** The folder that AdapterHub's `adapters` loads, and the serving form with the scaling folded in. */
export function publishBottleneck(options: PublishOptions<BottleneckSettings>): PublishedPart {
  const { config, settings, values, base } = options;
  const architecture = architectureFor({ config, settings, param: "peft" });
  const tensors = architecture.sites.map(({ path }) => {
    const entries = Object.entries(parameterNames(path)).flatMap(([part, name]) => {
      const value = values.get(name);
      return value === undefined ? [] : [[part, value] as const];
    });
    return [path, Object.fromEntries(entries) as unknown as BottleneckTensors] as const;
  });
  const adapter = { architecture, tensors: new Map(tensors) };
  const files = writeBottleneckFolder(adapter, { bn: bnConfigOf(settings), model: config, baseModel: base.id });
  const parameters = countNumbers(adapter);
  return {
    kind: "adapter",
    adapter: { method: "bottleneck", files, delta: canonicalBottlenecks(adapter), parameters },
  };
}
