import { NO_DELTA } from "../../delta/canonical.ts";
import { adapterConfigJson } from "../adapter-config.ts";
import { adapterFiles } from "../adapter-folder.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { encoded } from "./encoder.ts";
import { keyWidth, PREFIX, statesOf } from "./flat-prefix.ts";
import type { PrefixSettings } from "./settings.ts";

/** The folder that peft loads, which holds the prefix and nothing of the network behind it, and each layer's states. */
export function publishPrefix({ config, settings, values, base }: PublishOptions<PrefixSettings>): PublishedPart {
  const flat = settings.prefix_projection ? encoded(values) : values.get(PREFIX)!;
  const json = adapterConfigJson("PREFIX_TUNING", base.id, {
    encoder_hidden_size: settings.encoder_hidden_size ?? keyWidth(config),
    init_weights: settings.init_weights ?? null,
    num_attention_heads: config.kvHeads,
    num_layers: config.layers,
    num_transformer_submodules: 1,
    num_virtual_tokens: settings.num_virtual_tokens,
    // The file is what the network made.
    prefix_projection: false,
    token_dim: keyWidth(config),
  });
  const files = adapterFiles(json, new Map([[PREFIX, flat]]));
  const delta = { ...NO_DELTA, prefix: statesOf(config, flat) };
  const parameters = [...values.values()].reduce((sum, { data }) => sum + data.length, 0);
  return { kind: "adapter", adapter: { method: "prefix", files, delta, parameters } };
}
