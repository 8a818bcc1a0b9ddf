import type { Tensor } from "../../tensor.ts";
import type { Resumption } from "../method.ts";
import { statedSettings } from "../stated.ts";
import { parameterNames } from "./adapter.ts";
import { architectureFor } from "./attach.ts";
import { readBnConfig, readBottlenecks } from "./format.ts";
import { BottleneckSettings } from "./settings.ts";

export const bottleneckResume: Resumption<BottleneckSettings> = {
  settings({ config: json }, model) {
    const { bn } = readBnConfig(json, model);
    const { init_weights, dropout } = json.config as Readonly<Record<string, unknown>>;
    const ofTraining = { init_weights: init_weights ?? bn.init_weights, dropout: dropout ?? bn.dropout };
    return statedSettings(BottleneckSettings, { type: "bottleneck", ...bn, ...ofTraining });
  },
  facts(options) {
    const { fromOutput, fromStream, silu, scaling, sites } = architectureFor(options);
    const paths = (part: string) => sites.flatMap(({ path }) => (path.endsWith(part) ? [path] : []));
    return {
      mh_adapter: paths(".self_attn"),
      output_adapter: paths(".mlp"),
      reduction_factor: sites.map(({ columns }) => columns),
      non_linearity: silu ? "silu" : "relu",
      is_parallel: !fromOutput,
      original_ln_before: fromStream,
      scaling,
    };
  },
  async values(folder, { config }) {
    const values = new Map<string, Tensor<"f32">>();
    for (const [path, tensors] of readBottlenecks(folder, config).tensors) {
      const names: Readonly<Record<string, string>> = parameterNames(path);
      for (const [part, value] of Object.entries(tensors)) values.set(names[part]!, value as Tensor<"f32">);
    }
    return values;
  },
};
