import { readFileSync } from "node:fs";
import { parseSafetensors, toF32 } from "../../../../shared/formats/safetensors.ts";
import { transposed } from "../../../../shared/model/weights.ts";
import { BottleneckSettings } from "../../../../shared/peft/bottleneck/settings.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import type { GoldenJson, PeftGolden } from "../../../support/peft-golden.ts";
import { goldenModel } from "../../model/golden-models.ts";

/** AdapterHub's adapters for `golden/llama/plain`, with the settings that make the same ones here. */
export const GOLDEN_BOTTLENECKS = {
  houlsby: { config: "double_seq_bn", reduction_factor: 8 },
  pfeiffer: { config: "seq_bn", reduction_factor: 8 },
  parallel: { config: "par_bn", reduction_factor: 4 },
  learned: {
    config: "double_seq_bn",
    reduction_factor: { 0: 3.2, default: 8 },
    non_linearity: "relu",
    scaling: "learned",
    original_ln_before: true,
  },
  channel: {
    config: "double_seq_bn",
    output_adapter: false,
    reduction_factor: 8,
    non_linearity: "silu",
    scaling: "channel",
    is_parallel: true,
    leave_out: [0],
  },
  residual: {
    config: "pfeiffer",
    reduction_factor: 8,
    residual_before_ln: false,
    original_ln_after: false,
    adapter_residual_before_ln: true,
    scaling: 0.5,
    init_weights: "houlsby",
  },
} as const satisfies Readonly<Record<string, object>>;
export type GoldenBottleneck = keyof typeof GOLDEN_BOTTLENECKS;
export const GOLDEN_NAMES = Object.keys(GOLDEN_BOTTLENECKS) as GoldenBottleneck[];

export const settingsFor = (name: GoldenBottleneck) =>
  BottleneckSettings.parse({ type: "bottleneck", ...GOLDEN_BOTTLENECKS[name] });

const fileOf = (name: GoldenBottleneck, file: string) =>
  new Uint8Array(readFileSync(new URL(`../../../golden/peft/bottleneck-${name}/${file}`, import.meta.url)));

export function bottleneckFolder(name: GoldenBottleneck): Map<string, Uint8Array> {
  return new Map(["adapter_config.json", "adapter.safetensors"].map((file) => [file, fileOf(name, file)]));
}

export async function bottleneckGolden(name: GoldenBottleneck): Promise<PeftGolden> {
  const json = JSON.parse(new TextDecoder().decode(fileOf(name, "golden.json"))) as GoldenJson;
  const { config, weights } = await goldenModel("plain");
  const base = { config, weight: async (weight: string) => weights.get(weight)! };
  return { config, weights, base, folder: bottleneckFolder(name), json };
}

const PARTS = {
  "adapter_down.0.weight": "adapter_down",
  "adapter_down.0.bias": "adapter_down_bias",
  "adapter_up.weight": "adapter_up",
  "adapter_up.bias": "adapter_up_bias",
  scaling: "adapter_scaling",
} as const;

/** The adapter's tensors, or their gradients, under the names and in the layout of the graph. */
export function goldenTensorsOf(
  name: GoldenBottleneck,
  file: "adapter" | "grads" = "adapter",
): Map<string, Tensor<"f32">> {
  const { tensors } = parseSafetensors(fileOf(name, `${file}.safetensors`));
  return new Map(
    [...tensors].map(([key, stored]) => {
      const [, layer, block, part] = /^model\.(layers\.\d+)\.(\w+)_adapters\.adapters\.bn\.(.*)$/.exec(key)!;
      const value = f32(stored.shape, toF32(stored));
      const path = `${layer}.${block === "attention" ? "self_attn" : "mlp"}`;
      return [`${path}.${PARTS[part as keyof typeof PARTS]}`, stored.shape.length === 2 ? transposed(value) : value];
    }),
  );
}
