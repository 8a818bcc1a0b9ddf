import { adaptableModules } from "../../model/modules.ts";
import { totalElements } from "../../tensor.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { tripletNames } from "./allocator.ts";
import { adaLoraScale } from "./attach.ts";
import { type AdaLoraFactors, canonicalAdaLora, livingRanks, writeAdaLoraFolder } from "./format.ts";
import type { AdaLoraSettings } from "./settings.ts";

/**
 * The folder that peft loads, and the serving form with s and E folded in, both without the ranks whose E is 0. In the
 * middle of a run that allocates every few steps, peft also leaves out ranks that have come back since the last allocation;
 * here they stay, so that what is published computes what was trained.
 */
export function publishAdaLora(options: PublishOptions<AdaLoraSettings>): PublishedPart {
  const { config, settings, values, base } = options;
  const layers = new Map<string, AdaLoraFactors>();
  for (const { path } of adaptableModules(config)) {
    const names = tripletNames(path);
    const [a, e, b] = [values.get(names.a), values.get(names.e), values.get(names.b)];
    if (a !== undefined && e !== undefined && b !== undefined) layers.set(path, { a, e, b });
  }
  // peft reads no folder without a number of steps in which ranks could have been allocated.
  const totalSteps = options.totalSteps ?? settings.tinit + settings.tfinal + 1;
  const living = new Map([...layers].map(([path, factors]) => [path, livingRanks(factors)]));
  return {
    kind: "adapter",
    adapter: {
      method: "adalora",
      files: writeAdaLoraFolder(layers, { settings, totalSteps, model: config, baseModel: base.id }),
      delta: canonicalAdaLora(living, adaLoraScale(settings)),
      parameters: totalElements(values.values()),
    },
  };
}
