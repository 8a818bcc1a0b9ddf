/**
 * A trained prefix as peft saves it: flat, even if it was trained through a network. Layout: huggingface/peft,
 * `PeftModel.get_prompt`; method: Li & Liang 2021.
 */
import { z } from "zod";
import { NO_DELTA } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import { onlyValues, parseAdapterConfig } from "../adapter-config.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import type { AdapterFormat } from "../method.ts";
import { requireFolderRoom } from "../virtual-tokens.ts";
import { flatWidth, keyWidth, PREFIX, statesOf } from "./flat-prefix.ts";

const prefixConfig = (config: ModelConfig) =>
  z.looseObject({
    peft_type: z.literal("PREFIX_TUNING"),
    num_virtual_tokens: z.int().min(1),
    token_dim: onlyValues(keyWidth(config), null),
    num_attention_heads: onlyValues(config.kvHeads, null),
    num_layers: onlyValues(config.layers, null),
    num_transformer_submodules: onlyValues(1, null),
    // Without a task type, peft wraps the model in a class that ignores the prefix.
    task_type: z.literal("CAUSAL_LM", 'must be "CAUSAL_LM"'),
    base_model_name_or_path: z.string().nullish(),
  });

/** Fields that only concern training. */
const IGNORED = ["prefix_projection", "encoder_hidden_size", "init_weights"];

export const prefixFormat: AdapterFormat = {
  recognises: ({ peft_type: type }) => type === "PREFIX_TUNING",
  async read({ config: json, tensors: stored }, { config }) {
    const { num_virtual_tokens: count } = parseAdapterConfig(json, prefixConfig(config), IGNORED);
    requireFolderRoom(config, count);
    const tensors = new AdapterTensors(stored);
    const flat = tensors.take(PREFIX, [count, flatWidth(config)]);
    tensors.done();
    return {
      method: "prefix",
      delta: { ...NO_DELTA, prefix: statesOf(config, flat) },
      parameters: flat.data.length,
    };
  },
};
