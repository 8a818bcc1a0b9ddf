/** Bottleneck adapters under AdapterHub's names: its `BnConfig`, and the presets that fill it in. */
import { z } from "zod";

const factor = z.number().min(0.25, "must be at least 0.25: a bottleneck four times as wide as the model").max(65_536);
const noNorm = z.literal(false, "must be false: adapters with a norm of their own are not served");

/** The fields that say what an adapter computes. */
export const BnFields = z.object({
  mh_adapter: z.boolean().meta({ description: "Adapters after attention" }),
  output_adapter: z.boolean().meta({ description: "Adapters after the feed-forward network" }),
  reduction_factor: z
    .union([factor, z.record(z.string().regex(/^(default|0|[1-9]\d{0,3})$/, "must be a layer or `default`"), factor)])
    .meta({ description: "The model's width over the bottleneck's, or that for each layer and a `default`" }),
  non_linearity: z.enum(["relu", "swish", "silu"], "must be relu, swish or silu, which is the same as swish"),
  original_ln_before: z
    .boolean()
    .meta({ description: "The adapter takes in the stream with the block's result, not the result alone" }),
  original_ln_after: z.boolean().meta({ description: "The stream is added after the adapter" }),
  residual_before_ln: z
    .boolean("must be true or false; `post_add` needs a norm after the block, which this model does not have")
    .meta({ description: "What the adapter adds to is the block's result alone" }),
  adapter_residual_before_ln: z.boolean().meta({ description: "Without a norm in the adapter, the same either way" }),
  ln_before: noNorm,
  ln_after: noNorm,
  is_parallel: z.boolean().meta({ description: "The adapter takes in the stream before the block" }),
  scaling: z
    .union([z.number().positive().max(65_536), z.literal(["learned", "channel"])])
    .meta({ description: "A factor, one learned factor for each adapter, or one for each channel" }),
  leave_out: z.array(z.int().min(0)).max(1000).meta({ description: "Layers without adapters" }),
  init_weights: z.enum(["bert", "mam_adapter", "houlsby"]),
  dropout: z.number().min(0).lt(1).meta({ description: "On what the adapter adds" }),
});
export type BnConfig = z.infer<typeof BnFields>;

/** What AdapterHub takes for the other fields of a preset, and of a file. */
const BN_DEFAULTS = {
  original_ln_before: false,
  original_ln_after: true,
  residual_before_ln: true,
  adapter_residual_before_ln: false,
  ln_before: false,
  ln_after: false,
  is_parallel: false,
  scaling: 1,
  init_weights: "bert",
  dropout: 0,
} as const satisfies Partial<BnConfig>;

type Preset = Partial<BnConfig> & Omit<BnConfig, keyof typeof BN_DEFAULTS | "leave_out">;

/** Houlsby et al. 2019: after both blocks. */
const DOUBLE_SEQ: Preset = { mh_adapter: true, output_adapter: true, reduction_factor: 16, non_linearity: "swish" };
/** Pfeiffer et al. 2020: after the feed-forward network, of the stream that comes out of the block. */
const SEQ: Preset = {
  mh_adapter: false,
  output_adapter: true,
  reduction_factor: 16,
  non_linearity: "relu",
  original_ln_before: true,
};
/** He et al. 2021: beside the feed-forward network. */
const PARALLEL: Preset = {
  mh_adapter: false,
  output_adapter: true,
  reduction_factor: 2,
  non_linearity: "relu",
  is_parallel: true,
  scaling: 4,
  init_weights: "mam_adapter",
};
const SCALED_PARALLEL: Preset = { ...PARALLEL, scaling: "learned" };

/** AdapterHub's presets, by both of the names that it has for each. */
const PRESETS = {
  seq_bn: SEQ,
  double_seq_bn: DOUBLE_SEQ,
  par_bn: PARALLEL,
  scaled_par_bn: SCALED_PARALLEL,
  pfeiffer: SEQ,
  houlsby: DOUBLE_SEQ,
  parallel: PARALLEL,
  scaled_parallel: SCALED_PARALLEL,
} as const;
const names = Object.keys(PRESETS) as (keyof typeof PRESETS)[];

export const BottleneckSettings = z.strictObject({
  type: z.literal("bottleneck"),
  config: z
    .enum(names, `must be one of ${names.join(", ")}`)
    .default("seq_bn")
    .meta({ description: "The preset that fills in what the other fields leave out" }),
  ...BnFields.partial().shape,
  use_gating: z
    .boolean()
    .optional()
    .meta({ description: "One learned gate for each adapter, folded in when published" }),
});
export type BottleneckSettings = z.infer<typeof BottleneckSettings>;

/** The preset with the fields that the settings have over it. */
export function bnConfigOf({ type: _type, config, use_gating: _gating, ...fields }: BottleneckSettings): BnConfig {
  return withDefaults({ ...PRESETS[config], ...defined(fields) });
}

/** The fields with AdapterHub's defaults for those that are left out. */
export function withDefaults(fields: Preset): BnConfig {
  return { ...BN_DEFAULTS, leave_out: [], ...fields };
}

/** Without the fields that are undefined. */
export function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
