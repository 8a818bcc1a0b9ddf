import type { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { blockPaths } from "../../model/modules.ts";
import type { BnConfig } from "./settings.ts";

/** The inputs, form and places of the adapters of one model. */
export interface Architecture {
  /** The input includes the block's output. */
  readonly fromOutput: boolean;
  /** The input includes the stream before the block. */
  readonly fromStream: boolean;
  /** The non-linearity is SiLU; otherwise ReLU. */
  readonly silu: boolean;
  /** A constant factor on the adapter's output, or a trainable one: "learned" per adapter, "channel" per channel. */
  readonly scaling: number | "learned" | "channel";
  /** In order of computation; never empty. */
  readonly sites: readonly AdapterSite[];
}

export interface AdapterSite {
  /** As `blockPaths` lists them. */
  readonly path: string;
  /** M: the width of the bottleneck. */
  readonly columns: number;
}

/**
 * Interprets a configuration as AdapterHub does for a model with a norm before each block. With x the stream before a block
 * and y the block's output, the stream after the block is
 *
 *     serial     r + s · A(h) + (original_ln_after ? x : 0)    h = original_ln_before ? x + y : y
 *                                                              r = residual_before_ln ? y : h
 *     parallel   y + s · A(x) + (original_ln_after ? x : 0)
 *
 * Throws the error that `refuse` makes when this is not x + y + s · A, the only form that can be served with other deltas,
 * and when no layer has an adapter.
 */
export function architectureOf(
  bn: BnConfig,
  model: ModelConfig,
  refuse: (field: keyof BnConfig, problem: string) => TrimtabError,
): Architecture {
  const { is_parallel: parallel, original_ln_before: ofSum } = bn;
  const streams = Number(bn.original_ln_after) + Number(!parallel && ofSum && !bn.residual_before_ln);
  if (streams !== 1) {
    const what = streams === 0 ? "drops the stream before the block" : "adds the stream twice";
    throw refuse(
      "original_ln_after",
      `${what}, given residual_before_ln and original_ln_before; change one of the three`,
    );
  }
  const sites = blockPaths(model).flatMap((path): AdapterSite[] => {
    const layer = Number(path.split(".")[1]);
    const wanted = path.endsWith(".self_attn") ? bn.mh_adapter : bn.output_adapter;
    if (!wanted || bn.leave_out.includes(layer)) return [];
    const factor = factorOf(bn.reduction_factor, layer);
    if (factor === undefined) throw refuse("reduction_factor", `has no entry for layer ${layer} and no default`);
    return [{ path, columns: Math.max(1, floorDivide(model.hiddenSize, factor)) }];
  });
  if (sites.length === 0) {
    const field = bn.mh_adapter || bn.output_adapter ? "leave_out" : "output_adapter";
    throw refuse(field, "leaves no layer with an adapter");
  }
  return {
    fromOutput: !parallel,
    fromStream: parallel || ofSum,
    silu: bn.non_linearity !== "relu",
    scaling: bn.scaling,
    sites,
  };
}

function factorOf(factor: BnConfig["reduction_factor"], layer: number): number | undefined {
  return typeof factor === "number" ? factor : (factor[layer] ?? factor.default);
}

/** Python's `//`, as in AdapterHub: 32 // 3.2 is 9, because 3.2 is stored as slightly more than 3.2. */
function floorDivide(whole: number, by: number): number {
  return Math.round((whole - (whole % by)) / by);
}
