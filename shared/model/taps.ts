import { TrimtabError } from "../errors.ts";
import type { Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import { linearModules } from "./modules.ts";

/**
 * Taps: the hidden states of a model that a caller can read, by name. This is the whole vocabulary, for every layer N:
 *
 *     embedding              [B, T, D]    the residual stream before layer 0
 *     layers.N.self_attn     [B, T, D]    what the attention adds to the stream, adapters included
 *     layers.N.mlp           [B, T, D]    what the feed-forward network adds to it, adapters included
 *     layers.N               [B, T, D]    the residual stream after layer N
 *     LINEAR.input           [B, T, in]   what a linear layer reads, such as `layers.N.mlp.down_proj.input`
 *     final                  [B, T, D]    after the last norm: what the head reads
 *
 * Legend: B batch, T tokens, D width of the residual stream, in the linear layer's input width. `embedding` and `layers.N`
 * are transformers' `hidden_states[0]` and `[N + 1]`, except that transformers replaces the last one by `final`.
 *
 * The places where a model can be changed are listed in rewrite.ts.
 */
export function tapNames(config: ModelConfig): string[] {
  return [...tapWidths(config).keys()];
}

/** The size of a tap's last axis. Throws `invalid_graph`, naming the known taps, for an unknown one. */
export function tapWidth(config: ModelConfig, name: string): number {
  return tapWidths(config).get(name) ?? unknownTap(config, name);
}

/** The taps that a forward pass offers as it is built. */
export interface Taps {
  /** Hands over the tap of that name; `forward` does so once for every name in `tapNames`, in that order. */
  readonly record: (name: string, value: Value) => void;
  /** The tap of that name. Throws `invalid_graph`, naming the known taps, for an unknown one. */
  readonly value: (name: string) => Value;
}

/** Keeps the taps of a forward pass. Adds nothing to the graph, so an unused tap costs nothing. */
export function createTaps(config: ModelConfig): Taps {
  const values = new Map<string, Value>();
  return {
    record: (name, value) => void values.set(name, value),
    value: (name) => values.get(name) ?? unknownTap(config, name),
  };
}

/** Every tap and its width, in the order of the computation. */
function tapWidths(config: ModelConfig): ReadonlyMap<string, number> {
  const { hiddenSize, layers } = config;
  const linears = linearModules(config);
  const widths = new Map([["embedding", hiddenSize]]);
  for (let layer = 0; layer < layers; layer++) {
    for (const block of ["self_attn", "mlp"]) {
      const path = `layers.${layer}.${block}`;
      const within = linears.filter((linear) => linear.path.startsWith(`${path}.`));
      for (const linear of within) widths.set(`${linear.path}.input`, linear.in);
      widths.set(path, hiddenSize);
    }
    widths.set(`layers.${layer}`, hiddenSize);
  }
  return widths.set("final", hiddenSize);
}

function unknownTap(config: ModelConfig, name: string): never {
  const known = tapNames({ ...config, layers: 1 }).map((each) => each.replace("layers.0", "layers.N"));
  throw new TrimtabError(
    "invalid_graph",
    `there is no tap named ${name}; the taps are ${known.join(", ")}, with N from 0 to ${config.layers - 1}`,
    { data: { tap: name, known: tapNames(config) } },
  );
}
