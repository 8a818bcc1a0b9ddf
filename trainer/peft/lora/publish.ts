import { writeDeltaFolder } from "../../../shared/delta/delta-folder.ts";
import type { LoraFactors } from "../../../shared/delta/peft-folder.ts";
import { readModelJson } from "../../../shared/model/model-folder.ts";
import { linearModules } from "../../../shared/model/modules.ts";
import { tokenizerDigest } from "../../../shared/model/tokenizer.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import type { PublishOptions, ResultFolder } from "../method.ts";
import { factorNames, type LoraSettings } from "./attach.ts";

/**
 * A delta: the PEFT folder that peft loads, the serving form with the scale folded in, and the manifest.
 * Throws `invalid_delta` when the training changed nothing.
 */
export async function publishLora(options: PublishOptions<LoraSettings>): Promise<ResultFolder> {
  const { config, settings, values, base } = options;
  const factors = new Map<string, LoraFactors>();
  for (const { path } of linearModules(config)) {
    const names = factorNames(path);
    const [a, b] = [values.get(names.a), values.get(names.b)] as (Tensor<"f32"> | undefined)[];
    if (a !== undefined && b !== undefined) factors.set(path, { a, b });
  }
  const adapter = {
    config: {
      rank: settings.r,
      alpha: settings.lora_alpha,
      rankStabilised: settings.use_rslora ?? false,
      dropout: settings.lora_dropout,
      targetModules: undefined,
      layers: undefined,
      alphaPattern: new Map<string, number>(),
      baseModel: base.id,
    },
    factors,
  };
  const files = await writeDeltaFolder(adapter, config, {
    base_model: base.id,
    base_digest: base.digest,
    tokenizer_digest: await tokenizerDigest(readModelJson(base.files, "tokenizer.json")),
    data_digests: [...options.dataDigests],
    metrics: { ...options.metrics },
    parents: [],
    created_at: options.createdAt,
  });
  return { kind: "delta", files };
}
