import { adaptableModules } from "../../model/modules.ts";
import { totalElements } from "../../tensor.ts";
import type { AdapterResult } from "../method.ts";
import { tripletNames } from "./allocator.ts";
import { adaLoraScale } from "./attach.ts";
import { type AdaLoraFactors, canonicalAdaLora, livingRanks, writeAdaLoraFolder } from "./format.ts";
import type { AdaLoraSettings } from "./settings.ts";

interface TrainedTriplets {
  /** By path, with all of their ranks. */
  readonly layers: ReadonlyMap<string, AdaLoraFactors>;
  readonly totalSteps: number;
}

/**
 * The serving form with s and E folded in, and the folder that peft loads, both without the ranks whose E is 0. In the
 * middle of a run that allocates every few steps, peft also leaves out ranks that have come back since the last allocation;
 * here they stay, so that what is published computes what was trained.
 */
export const adaloraResult: AdapterResult<AdaLoraSettings, TrainedTriplets> = {
  kind: "adapter",
  canonical({ config, settings, values, totalSteps }) {
    const layers = new Map<string, AdaLoraFactors>();
    for (const { path } of adaptableModules(config)) {
      const names = tripletNames(path);
      const [a, e, b] = [values.get(names.a), values.get(names.e), values.get(names.b)];
      if (a !== undefined && e !== undefined && b !== undefined) layers.set(path, { a, e, b });
    }
    const living = new Map([...layers].map(([path, factors]) => [path, livingRanks(factors)]));
    return {
      method: "adalora",
      delta: canonicalAdaLora(living, adaLoraScale(settings)),
      parameters: totalElements(values.values()),
      // peft reads no folder without a number of steps in which ranks could have been allocated.
      own: { layers, totalSteps: totalSteps ?? settings.tinit + settings.tfinal + 1 },
    };
  },
  files: ({ own: { layers, totalSteps } }, { config, settings, base }) =>
    writeAdaLoraFolder(layers, { settings, totalSteps, model: config, baseModel: base.id }),
};
