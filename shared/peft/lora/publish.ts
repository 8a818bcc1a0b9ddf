import { linearModules } from "../../model/modules.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { factorNames } from "./attach.ts";
import { canonicalLora, type LoraFactors, writeLoraFolder } from "./format.ts";
import type { LoraSettings } from "./settings.ts";

/** The folder that peft loads, and the serving form with the scale folded in. */
export function publishLora({ config, settings, values, base }: PublishOptions<LoraSettings>): PublishedPart {
  const factors = new Map<string, LoraFactors>();
  for (const { path } of linearModules(config)) {
    const names = factorNames(path);
    const [a, b] = [values.get(names.a), values.get(names.b)];
    if (a !== undefined && b !== undefined) factors.set(path, { a, b });
  }
  const adapter = {
    config: {
      rank: settings.r,
      alpha: settings.lora_alpha,
      rankStabilised: settings.use_rslora,
      dropout: settings.lora_dropout,
      targetModules: undefined,
      layers: undefined,
      alphaPattern: new Map<string, number>(),
      baseModel: base.id,
    },
    factors,
  };
  const parameters = [...factors.values()].reduce((sum, { a, b }) => sum + a.data.length + b.data.length, 0);
  const files = writeLoraFolder(adapter, config);
  return { kind: "adapter", adapter: { method: "lora", files, delta: canonicalLora(adapter), parameters } };
}
