/** The settings of bottleneck adapters under AdapterHub's names: the fields of its `BnConfig`, and its presets. */
import { z } from "zod";

const factor = z
  .number()
  .min(0.25, "must be at least 0.25, which makes the bottleneck four times as wide as the model")
  .max(65_536);
const noNorm = z.literal(false, "must be false: adapters with their own norm are not supported");

/** The fields that determine what an adapter computes. */
export const BnFields = z.object({
  mh_adapter: z.boolean().meta({ description: "Adapters after attention" }),
  output_adapter: z.boolean().meta({ description: "Adapters after the feed-forward network" }),
  reduction_factor: z
    .union([factor, z.record(z.string().regex(/^(default|0|[1-9]\d{0,3})$/, "must be a layer or `default`"), factor)])
    .meta({
      description: "The model's width divided by the bottleneck's; one number, or one per layer with a `default`",
    }),
  non_linearity: z.enum(["relu", "swish", "silu"], "must be relu, swish or silu (the same as swish)"),
  original_ln_before: z
    .boolean()
    .meta({ description: "The adapter's input is the stream plus the block's output, not just the output" }),
  original_ln_after: z.boolean().meta({ description: "The stream is added after the adapter" }),
  residual_before_ln: z
    .boolean("must be true or false; `post_add` needs a norm after the block, which these models do not have")
    .meta({ description: "The adapter adds to just the block's output" }),
  adapter_residual_before_ln: z.boolean().meta({ description: "Has no effect without a norm in the adapter" }),
  ln_before: noNorm,
  ln_after: noNorm,
  is_parallel: z.boolean().meta({ description: "The adapter's input is the stream before the block" }),
  scaling: z.union([z.number().positive().max(65_536), z.literal(["learned", "channel"])]).meta({
    description: "A constant factor, or a trainable one: `learned` for each adapter, `channel` for each channel",
  }),
  leave_out: z.array(z.int().min(0)).max(1000).meta({ description: "Layers without adapters" }),
  init_weights: z.enum(["bert", "mam_adapter", "houlsby"]),
  dropout: z.number().min(0).lt(1).meta({ description: "Dropout on the adapter's output" }),
});
export type BnConfig = z.infer<typeof BnFields>;

/** AdapterHub's defaults for fields that a preset or a file omits. */
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
/** Pfeiffer et al. 2020: after the feed-forward network, on the stream after the block. */
const SEQ: Preset = {
  mh_adapter: false,
  output_adapter: true,
  reduction_factor: 16,
  non_linearity: "relu",
  original_ln_before: true,
};
/** He et al. 2021: parallel to the feed-forward network. */
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

/** AdapterHub's presets, under both of its names for each. */
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
    .meta({ description: "The preset that provides defaults for the other fields" }),
  ...BnFields.partial().shape,
  use_gating: z
    .boolean()
    .optional()
    .meta({ description: "One trainable gate for each adapter, folded into its weights when published" }),
});
export type BottleneckSettings = z.infer<typeof BottleneckSettings>;

/** The preset, overridden by the fields of the settings. */
export function bnConfigOf({ type: _type, config, use_gating: _gating, ...fields }: BottleneckSettings): BnConfig {
  return withDefaults({ ...PRESETS[config], ...defined(fields) });
}

/** The fields, with AdapterHub's defaults for the missing ones. */
export function withDefaults(fields: Preset): BnConfig {
  return { ...BN_DEFAULTS, leave_out: [], ...fields };
}

/** Removes the fields that are undefined. */
export function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
