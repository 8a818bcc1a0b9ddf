import type { Value } from "../graph/graph.ts";
import type { LinearModule } from "../model/modules.ts";
import type { BatchShape } from "../model/training-forward.ts";
import type { RandomInput, RewriteContext } from "./method.ts";

/** Dropout on the input of an adapter's factors, with a separate mask for every layer (Hu et al. 2021). */
export interface InputDropout {
  readonly randomInputs: (shape: BatchShape) => readonly RandomInput[];
  /** Drops elements of the layer's input x [B, T, in] and scales up the others; returns x itself if nothing is dropped. */
  readonly apply: (context: RewriteContext, path: string, x: Value) => Value;
}

/** Drops elements of the inputs of `modules` with the given probability, in training only. */
export function inputDropout(modules: readonly LinearModule[], probability: number): InputDropout {
  const maskName = (path: string) => `${path}.lora_dropout`;
  return {
    randomInputs: ({ rows, tokens }) =>
      probability === 0
        ? []
        : modules.map((module) => ({ name: maskName(module.path), shape: [rows, tokens, module.in], probability })),
    apply: ({ b, random, training }, path, x) => {
      if (!training || probability === 0) return x;
      return b.mul(x, b.mul(b.cast(random(maskName(path)), x.dtype), 1 / (1 - probability)));
    },
  };
}
