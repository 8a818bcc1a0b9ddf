import { totalElements } from "../../tensor.ts";
import { factorNames } from "../lora/attach.ts";
import type { AdapterResult } from "../method.ts";
import { doraTargets, magnitudeName } from "./attach.ts";
import { canonicalDora, type DoraAdapter, writeDoraFolder } from "./format.ts";
import type { DoraSettings } from "./settings.ts";

/** The serving form with the lengths of the base's weights worked in, and the folder that peft loads. */
export const doraResult: AdapterResult<DoraSettings, DoraAdapter> = {
  kind: "adapter",
  async canonical({ config, settings, values, weights }) {
    const targets = doraTargets({ config, settings, param: "peft" });
    const own: DoraAdapter = {
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
    const delta = await canonicalDora(own, { config, weight: async (name) => weights.get(name)! });
    return { method: "dora", delta, parameters: totalElements(values.values()), own };
  },
  files: ({ own }, { config, settings, base }) =>
    writeDoraFolder(own, { model: config, baseModel: base.id, dropout: settings.lora_dropout }),
};
