import { NO_DELTA } from "../../delta/canonical.ts";
import { adapterConfigJson } from "../adapter-config.ts";
import { adapterFiles } from "../adapter-folder.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { PROMPT } from "./attach.ts";
import type { PromptSettings } from "./settings.ts";

/** The folder that peft loads: one tensor, which is what is served. */
export function publishPrompt({ config, settings, values, base }: PublishOptions<PromptSettings>): PublishedPart {
  const prompt = values.get(PROMPT)!;
  const { prompt_tuning_init: init, prompt_tuning_init_text: text } = settings;
  const json = adapterConfigJson("PROMPT_TUNING", base.id, {
    num_attention_heads: config.heads,
    num_layers: config.layers,
    num_transformer_submodules: 1,
    num_virtual_tokens: settings.num_virtual_tokens,
    prompt_tuning_init: init,
    prompt_tuning_init_text: text ?? null,
    token_dim: config.hiddenSize,
    tokenizer_kwargs: null,
    // peft asks for a tokenizer beside a text, even where the prompt is not made anew.
    tokenizer_name_or_path: text === undefined ? null : base.id,
  });
  const files = adapterFiles(json, new Map([[PROMPT, prompt]]));
  const delta = { ...NO_DELTA, prompt };
  return { kind: "adapter", adapter: { method: "prompt", files, delta, parameters: prompt.data.length } };
}
