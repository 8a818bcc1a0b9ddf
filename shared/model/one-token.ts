import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import { type ForwardOptions, forward, weightInputs } from "./forward.ts";
import { weightSpecs } from "./modules.ts";
import { ropeTables } from "./rope.ts";
import { type ServingFeatures, servingRewrite } from "./serving-rewrite.ts";

/** One layer's keys, rotated, and values of one row: [K, N, P] (K key/value heads, N places, P width of a head). */
export interface Past {
  readonly key: Value;
  readonly value: Value;
}

/** The inputs that hold one layer's past in a graph's pass. */
export const pastNames = (layer: number, prefix = "") => ({
  key: `${prefix}past.${layer}.key`,
  value: `${prefix}past.${layer}.value`,
});

export interface OneTokenOptions {
  /** C: how far positions go. */
  readonly capacity: number;
  /** The deltas of the row, in the layout `rows`. */
  readonly features: ServingFeatures;
  /** Comes before the name of every input; nothing when left out. */
  readonly prefix?: string;
}

/** The model on one token of one row, with plain attention, which has a gradient where the decode graph's has none. */
export interface OneToken {
  readonly weight: ForwardOptions["weight"];
  readonly rewrite: ReturnType<typeof servingRewrite>;
  /** Of each layer. */
  readonly past: readonly Past[];
  /** The head's input [1, D] after a token with this embedding [1, 1, D], and the token's own keys and values [K, 1, P]. */
  run(embedded: Value): { readonly final: Value; readonly own: readonly Past[] };
}

/**
 * Adds a pass over one token to a graph. Inputs: every weight; `pastNames` of every layer, whose last place is the token's own
 * and holds zeros; `place` [N], 1 at that place and 0 elsewhere; `position` [1, 1] i64; and what `servingRewrite` takes. N is
 * known only when the graph runs, so one session serves texts of every length.
 */
export function oneToken(b: GraphBuilder, config: ModelConfig, options: OneTokenOptions): OneToken {
  const { capacity, features, prefix = "" } = options;
  const { heads, kvHeads, headDim } = config;
  const places = `${prefix}places`;
  const ofInputs = weightInputs(b, new Map(weightSpecs(config).map(({ name, shape }) => [`${prefix}${name}`, shape])));
  const weight = (name: string) => ofInputs(`${prefix}${name}`);
  const rewrite = servingRewrite(b, config, features, { prefix, rows: 1 });
  const tables = ropeTables(config, capacity);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };
  const position = b.input(`${prefix}position`, "i64", [1, 1]);
  const place = b.input(`${prefix}place`, "f32", [places]);
  const column = b.reshape(place, [places, 1]);
  const past = Array.from({ length: config.layers }, (_, layer): Past => {
    const names = pastNames(layer, prefix);
    const shape = [kvHeads, places, headDim];
    return { key: b.input(names.key, "f32", shape), value: b.input(names.value, "f32", shape) };
  });
  return {
    weight,
    rewrite,
    past,
    run(embedded) {
      const own: Past[] = [];
      const rotated = (x: Value, count: number) => b.rope(b.reshape(x, [1, count, 1, headDim]), position, rope);
      const attend = (layer: number, q: Value, k: Value, v: Value): Value => {
        const { key, value } = past[layer]!;
        const turned = b.mul(rotated(q, heads), 1 / Math.sqrt(headDim));
        // The query heads that share a key head lie behind each other.
        const query = b.reshape(turned, [kvHeads, heads / kvHeads, headDim]);
        const ownKey = b.reshape(rotated(k, kvHeads), [kvHeads, 1, headDim]);
        const ownValue = b.reshape(v, [kvHeads, 1, headDim]);
        own.push({ key: ownKey, value: ownValue });
        const ownScore = b.matmul(query, ownKey, { transB: true });
        const scores = b.add(b.matmul(query, key, { transB: true }), b.mul(ownScore, place));
        const weights = b.softmax(scores);
        const mixed = b.add(b.matmul(weights, value), b.matmul(b.matmul(weights, column), ownValue));
        return b.reshape(mixed, [1, 1, heads * headDim]);
      };
      const hidden = forward({ b, config, tokens: embedded, weight, attend, rewrite });
      return { final: b.reshape(hidden, [1, config.hiddenSize]), own };
    },
  };
}
