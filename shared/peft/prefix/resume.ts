import { AdapterTensors } from "../adapter-tensors.ts";
import type { Resumption } from "../method.ts";
import { statedSettings } from "../stated.ts";
import { flatWidth, PREFIX } from "./flat-prefix.ts";
import { PrefixSettings } from "./settings.ts";

/** A prefix is published flat, and goes on flat: the network that may have made it is not in the files. */
export const prefixResume: Resumption<PrefixSettings> = {
  settings: ({ config: { num_virtual_tokens } }) =>
    statedSettings(PrefixSettings, { type: "prefix", num_virtual_tokens }),
  facts: ({ settings: { num_virtual_tokens, prefix_projection } }) => ({ num_virtual_tokens, prefix_projection }),
  async values({ tensors: stored }, { config, settings }) {
    const tensors = new AdapterTensors(stored);
    const flat = tensors.take(PREFIX, [settings.num_virtual_tokens, flatWidth(config)]);
    tensors.done();
    return new Map([[PREFIX, flat]]);
  },
};
