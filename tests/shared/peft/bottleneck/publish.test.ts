import { expect, it } from "vitest";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachBottleneck } from "../../../../shared/peft/bottleneck/attach.ts";
import { bottleneckResult } from "../../../../shared/peft/bottleneck/publish.ts";
import { BottleneckSettings } from "../../../../shared/peft/bottleneck/settings.ts";
import { ADAPTER_FORMATS } from "../../../../shared/peft/registry.ts";
import { adapterOf } from "../../../support/peft.ts";
import { goldenModel } from "../../model/golden-models.ts";

it.each([
  ["plain", "LlamaForCausalLM"],
  ["qwen2", "Qwen2ForCausalLM"],
] as const)(
  "publishes for %s what reads back, under the class that AdapterHub knows it by",
  async (name, className) => {
    const { config, weights } = await goldenModel(name);
    const settings = BottleneckSettings.parse({
      type: "bottleneck",
      config: "houlsby",
      reduction_factor: { 0: 8, default: 4 },
      scaling: "channel",
      dropout: 0.25,
      use_gating: true,
    });
    const { initial: values } = attachBottleneck({
      config,
      weights,
      settings,
      seed: 3,
      encode: () => [],
      param: "peft",
    });
    const base = { id: "my-base", files: new Map() };
    const adapter = await adapterOf(bottleneckResult, { config, settings, seed: 3, values, weights, base });
    const access = { config, weight: async (weight: string) => weights.get(weight)! };
    expect(await readAdapterFolder(adapter.files, access, ADAPTER_FORMATS)).toEqual(adapter);
    const json = JSON.parse(new TextDecoder().decode(adapter.files.get("adapter_config.json")));
    expect(json).toMatchObject({ model_class: className, model_name: "my-base", model_type: config.modelType });
    expect(json.config).toMatchObject({ dropout: 0.25, scaling: "channel", reduction_factor: { 0: 8, default: 4 } });
    // By now the gate's value is folded into the weights.
    expect(json.config.use_gating).toBe(false);
  },
);
