import { NO_DELTA } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import type { Tensor } from "../../tensor.ts";
import { adapterConfigJson } from "../adapter-config.ts";
import { adapterFiles } from "../adapter-folder.ts";
import type { AdapterResult } from "../method.ts";
import { PROMPT } from "./attach.ts";
import type { PromptSettings } from "./settings.ts";

/** The embeddings [n, D], and the folder that peft loads, which holds nothing else. */
export const promptResult: AdapterResult<PromptSettings, Tensor<"f32">> = {
  kind: "adapter",
  canonical({ values }) {
    const own = values.get(PROMPT)!;
    return { method: "prompt", delta: { ...NO_DELTA, prompt: own }, parameters: own.data.length, own };
  },
  files({ own }, { config, settings, base }) {
    const { prompt_tuning_init: init, prompt_tuning_init_text: text } = settings;
    const began = text === undefined ? { init } : { init, text };
    return writePromptFolder(own, { model: config, baseModel: base.id, began });
  },
};

export interface PromptFolderOptions {
  readonly model: ModelConfig;
  readonly baseModel: string;
  /** How the prompt began, which readers do not need. */
  readonly began?: { readonly init: string; readonly text?: string };
}

/** The two files of a prompt [n, D]. */
export function writePromptFolder(
  prompt: Tensor<"f32">,
  { model, baseModel, began: { init, text } = { init: "RANDOM" } }: PromptFolderOptions,
): Map<string, Uint8Array> {
  const json = adapterConfigJson("PROMPT_TUNING", baseModel, {
    num_attention_heads: model.heads,
    num_layers: model.layers,
    num_transformer_submodules: 1,
    num_virtual_tokens: prompt.shape[0]!,
    prompt_tuning_init: init,
    prompt_tuning_init_text: text ?? null,
    token_dim: model.hiddenSize,
    tokenizer_kwargs: null,
    // peft requires a tokenizer with a text, even if it does not recreate the prompt.
    tokenizer_name_or_path: text === undefined ? null : baseModel,
  });
  return adapterFiles(json, new Map([[PROMPT, prompt]]));
}
