import { NO_DELTA } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import { type Tensor, totalElements } from "../../tensor.ts";
import { adapterConfigJson } from "../adapter-config.ts";
import { adapterFiles } from "../adapter-folder.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { encoded } from "./encoder.ts";
import { keyWidth, PREFIX, statesOf } from "./flat-prefix.ts";
import type { PrefixSettings } from "./settings.ts";

/** The folder that peft loads, which holds the prefix and nothing of the network behind it, and each layer's states. */
export function publishPrefix({ config, settings, values, base }: PublishOptions<PrefixSettings>): PublishedPart {
  const flat = settings.prefix_projection ? encoded(values) : values.get(PREFIX)!;
  const files = writePrefixFolder(flat, {
    model: config,
    baseModel: base.id,
    began: { init: settings.init_weights ?? null, hiddenSize: settings.encoder_hidden_size ?? keyWidth(config) },
  });
  const delta = { ...NO_DELTA, prefix: statesOf(config, flat) };
  const parameters = totalElements(values.values());
  return { kind: "adapter", adapter: { method: "prefix", files, delta, parameters } };
}

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
