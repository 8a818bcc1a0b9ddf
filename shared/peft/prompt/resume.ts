import { AdapterTensors } from "../adapter-tensors.ts";
import type { Resumption } from "../method.ts";
import { statedSettings } from "../stated.ts";
import { PROMPT } from "./attach.ts";
import { PromptSettings } from "./settings.ts";

/** How the prompt began no longer matters. */
export const promptResume: Resumption<PromptSettings> = {
  settings: ({ config: { num_virtual_tokens } }) =>
    statedSettings(PromptSettings, { type: "prompt", num_virtual_tokens }),
  facts: ({ settings: { num_virtual_tokens } }) => ({ num_virtual_tokens }),
  async values({ tensors: stored }, { config, settings }) {
    const tensors = new AdapterTensors(stored);
    const prompt = tensors.take(PROMPT, [settings.num_virtual_tokens, config.hiddenSize]);
    tensors.done();
    return new Map([[PROMPT, prompt]]);
  },
};
