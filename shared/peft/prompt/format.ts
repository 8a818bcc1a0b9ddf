/** A trained prompt as peft saves it. Layout: huggingface/peft, `src/peft/utils/save_and_load.py`. Lester et al. 2021. */
import { z } from "zod";
import { NO_DELTA } from "../../delta/canonical.ts";
import { onlyValues, parseAdapterConfig } from "../adapter-config.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import type { AdapterFormat } from "../method.ts";
import { requireFolderRoom } from "../virtual-tokens.ts";
import { PROMPT } from "./attach.ts";

const promptConfig = (width: number) =>
  z.looseObject({
    peft_type: z.literal("PROMPT_TUNING"),
    num_virtual_tokens: z.int().min(1),
    token_dim: onlyValues(width, null),
    num_transformer_submodules: onlyValues(1, null),
    // Without a task type, peft wraps the model in a class that ignores the prompt.
    task_type: z.literal("CAUSAL_LM", 'must be "CAUSAL_LM"'),
    base_model_name_or_path: z.string().nullish(),
  });

/** The prompt's initialisation, and sizes of the base that do not affect it. */
const IGNORED = ["prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs"];
const SIZES = ["num_attention_heads", "num_layers"];

export const promptFormat: AdapterFormat = {
  recognises: ({ peft_type: type }) => type === "PROMPT_TUNING",
  async read({ config: json, tensors: stored }, { config }) {
    const { num_virtual_tokens: count } = parseAdapterConfig(json, promptConfig(config.hiddenSize), [
      ...IGNORED,
      ...SIZES,
    ]);
    requireFolderRoom(config, count);
    const tensors = new AdapterTensors(stored);
    const prompt = tensors.take(PROMPT, [count, config.hiddenSize]);
    tensors.done();
    return { method: "prompt", delta: { ...NO_DELTA, prompt }, parameters: prompt.data.length };
  },
};
