import { totalElements } from "../../tensor.ts";
import { factorNames } from "../lora/attach.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { doraTargets, magnitudeName } from "./attach.ts";
import { canonicalDora, type DoraAdapter, writeDoraFolder } from "./format.ts";
import type { DoraSettings } from "./settings.ts";

/** The folder that peft loads, and the same with the lengths of the base's weights worked in. */
export async function publishDora(options: PublishOptions<DoraSettings>): Promise<PublishedPart> {
  const { config, settings, values, weights, base } = options;
  const targets = doraTargets({ config, settings, param: "peft" });
  const adapter: DoraAdapter = {
    lora: {
      rankStabilised: settings.use_rslora,
      layers: new Map(
        targets.map(({ path, alpha }) => {
          const { a, b } = factorNames(path);
          return [path, { a: values.get(a)!, b: values.get(b)!, alpha }];
        }),
      ),
      biases: new Map(),
    },
    magnitudes: new Map(targets.map(({ path }) => [path, values.get(magnitudeName(path))!])),
  };
  return {
    kind: "adapter",
    adapter: {
      method: "dora",
      files: writeDoraFolder(adapter, { model: config, baseModel: base.id, dropout: settings.lora_dropout }),
      delta: await canonicalDora(adapter, { config, weight: async (name) => weights.get(name)! }),
      parameters: totalElements(values.values()),
    },
  };
}
