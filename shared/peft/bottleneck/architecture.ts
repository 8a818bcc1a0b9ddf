import type { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { blockPaths } from "../../model/modules.ts";
import type { BnConfig } from "./settings.ts";

/** What adapters take in and how they act, on one model. */
export interface Architecture {
  /** The block's own result is taken in. */
  readonly fromOutput: boolean;
  /** The stream before the block is taken in. */
  readonly fromStream: boolean;
  /** SiLU; otherwise ReLU. */
  readonly silu: boolean;
  /** A factor on what is added, or what learns it: one number for each adapter, or one for each channel. */
  readonly scaling: number | "learned" | "channel";
  /** In the order of the computation; never empty. */
  readonly sites: readonly AdapterSite[];
}

export interface AdapterSite {
  /** As `blockPaths` lists them. */
  readonly path: string;
  /** M: the width of the bottleneck. */
  readonly columns: number;
}

/**
 * What a configuration means for a model whose blocks have their norm before them, as AdapterHub runs it there. With x the
 * stream before a block and y what the block adds to it, the stream afterwards is
 *
 *     serial     r + s · A(h) + (original_ln_after ? x : 0)    h = original_ln_before ? x + y : y
 *                                                              r = residual_before_ln ? y : h
 *     parallel   y + s · A(x) + (original_ln_after ? x : 0)
 *
 * Throws what `refuse` makes of a field and its problem where that is not x + y + s · A, which alone can be served beside
 * other deltas, and where no layer has an adapter.
 */
export function architectureOf(
  bn: BnConfig,
  model: ModelConfig,
  refuse: (field: keyof BnConfig, problem: string) => TrimtabError,
): Architecture {
  const { is_parallel: parallel, original_ln_before: ofSum } = bn;
  const streams = Number(bn.original_ln_after) + Number(!parallel && ofSum && !bn.residual_before_ln);
  if (streams !== 1) {
    const what = streams === 0 ? "drops the stream that came into the block" : "adds the stream twice";
    throw refuse(
      "original_ln_after",
      `${what}, with residual_before_ln and original_ln_before as they are; change one`,
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

/** Python's `//`, which AdapterHub divides with: 32 // 3.2 is 9, because 3.2 is a little more than that in binary. */
function floorDivide(whole: number, by: number): number {
  return Math.round((whole - (whole % by)) / by);
}
