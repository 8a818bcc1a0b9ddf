import { NO_DELTA } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import { type Tensor, totalElements } from "../../tensor.ts";
import { adapterConfigJson } from "../adapter-config.ts";
import { adapterFiles } from "../adapter-folder.ts";
import type { AdapterResult } from "../method.ts";
import { encoded } from "./encoder.ts";
import { keyWidth, PREFIX, statesOf } from "./flat-prefix.ts";
import type { PrefixSettings } from "./settings.ts";

/**
 * Each layer's states, and the folder that peft loads, which holds the prefix [n, 2·L·K·P] and nothing of the network that may
 * have made it.
 */
export const prefixResult: AdapterResult<PrefixSettings, Tensor<"f32">> = {
  kind: "adapter",
  canonical({ config, settings, values }) {
    const own = settings.prefix_projection ? encoded(values) : values.get(PREFIX)!;
    const delta = { ...NO_DELTA, prefix: statesOf(config, own) };
    return { method: "prefix", delta, parameters: totalElements(values.values()), own };
  },
  files: ({ own }, { config, settings, base }) =>
    writePrefixFolder(own, {
      model: config,
      baseModel: base.id,
      began: { init: settings.init_weights ?? null, hiddenSize: settings.encoder_hidden_size ?? keyWidth(config) },
    }),
};

export interface PrefixFolderOptions {
  readonly model: ModelConfig;
  readonly baseModel: string;
  /** How the prefix began and the width of the network that made it, which readers do not need. */
  readonly began?: { readonly init: string | null; readonly hiddenSize: number };
}

/** The two files of a prefix in the flat layout [n, 2·L·K·P]. */
export function writePrefixFolder(
  flat: Tensor<"f32">,
  { model, baseModel, began = { init: null, hiddenSize: keyWidth(model) } }: PrefixFolderOptions,
): Map<string, Uint8Array> {
  const json = adapterConfigJson("PREFIX_TUNING", baseModel, {
    encoder_hidden_size: began.hiddenSize,
    init_weights: began.init,
    num_attention_heads: model.kvHeads,
    num_layers: model.layers,
    num_transformer_submodules: 1,
    num_virtual_tokens: flat.shape[0]!,
    // The file is what the network made.
    prefix_projection: false,
    token_dim: keyWidth(model),
  });
  return adapterFiles(json, new Map([[PREFIX, flat]]));
}
