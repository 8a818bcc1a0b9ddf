import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import { forward, head, weightInputs } from "./forward.ts";
import { linearModules, weightSpecs } from "./modules.ts";
import type { ModelRewrite } from "./rewrite.ts";
import { ropeTables } from "./rope.ts";

/** The names of one layer's cache, as the graph takes it and as it gives it back. */
export const cacheNames = (layer: number) => ({
  key: `past.${layer}.key`,
  value: `past.${layer}.value`,
  nextKey: `present.${layer}.key`,
  nextValue: `present.${layer}.value`,
});

/**
 * W: the width of a head in the cache. Attention kernels take multiples of 8; heads of another width are padded with zeros,
 * each half by itself, so that they are still rotated by halves.
 */
export function cacheWidth({ headDim }: ModelConfig): number {
  return headDim % 8 === 0 ? headDim : Math.ceil(headDim / 16) * 16;
}

/** The names of a linear layer's low-rank factors. */
export const factorNames = (path: string) => ({ a: `${path}.A`, b: `${path}.B` });

export interface DecodeGraphOptions {
  /** C: the longest sequence that the cache holds. */
  readonly capacity: number;
  /**
   * Whether deltas are applied. `bank`: the factors of all active deltas lie side by side along the rank axis and are shared
   * by the batch; what a row did not ask for, its gain switches off.
   */
  readonly deltas: "none" | "bank";
}

/**
 * One decoding step of B rows, or one chunk of T prompt tokens of one row.
 *
 * Inputs: `tokens` [batch, seq] i64; `last` [batch] i32, the index of each row's last token; `longest` [] i32, the longest row's
 * length; every weight, in the layout of `weightSpecs`; every layer's cache [batch, K, C, W]. With deltas, `gains`
 * [batch, 1, rank] and for each linear layer A [rank, in] and B [rank, out]: y = xW + ((xAᵀ) ⊙ g)B.
 * Outputs: `logits` [batch, V] of the last token, and the caches, which must share the memory of those that were given.
 *
 * Everything that differs between tenants is an input, so one session serves all of them.
 */
export function decodeGraph(config: ModelConfig, { capacity, deltas }: DecodeGraphOptions): Graph {
  const b = new GraphBuilder(`decode-${deltas}`);
  const { heads, kvHeads, headDim, hiddenSize } = config;
  const tokens = b.input("tokens", "i64", ["batch", "seq"]);
  const last = b.input("last", "i32", ["batch"]);
  const longest = b.input("longest", "i32", []);
  const weight = weightInputs(b, new Map(weightSpecs(config).map(({ name, shape }) => [name, shape])));
  const width = cacheWidth(config);
  const tables = ropeTables(config, capacity);
  const cos = padAngles(b, b.constant(tables.cos), [headDim, width]);
  const sin = padAngles(b, b.constant(tables.sin), [headDim, width]);
  // The kernel divides scores by √W in place of √P.
  const scaled = (q: Value) => (width === headDim ? q : b.mul(q, Math.sqrt(width / headDim)));

  const outputs: Record<string, Value> = {};
  const attend = (layer: number, q: Value, k: Value, v: Value): Value => {
    const names = cacheNames(layer);
    const cache = ["batch", kvHeads, capacity, width];
    const inputs = [
      resizeHeads(b, scaled(q), heads, [headDim, width]),
      resizeHeads(b, k, kvHeads, [headDim, width]),
      resizeHeads(b, v, kvHeads, [headDim, width]),
      b.input(names.key, "f32", cache),
      b.input(names.value, "f32", cache),
      last,
      longest,
      cos,
      sin,
    ];
    const [y, key, value] = b.emit("groupQueryAttention", inputs, { heads, kvHeads }) as [Value, Value, Value];
    outputs[names.nextKey] = key;
    outputs[names.nextValue] = value;
    return resizeHeads(b, y, heads, [width, headDim]);
  };

  const rewrite = deltas === "none" ? {} : { rewrite: bankRewrite(b, config) };
  const hidden = forward({ b, config, tokens, weight, attend, ...rewrite });
  const final = b.reshape(b.slice(hidden, 1, -1), ["batch", hiddenSize]);
  outputs["logits"] = head({ b, config, weight }, final);
  return b.build(outputs);
}

type Resize = readonly [from: number, to: number];

/** [batch, seq, count·from] → [batch, seq, count·to]: zeros behind each half of every head, or taken off again. */
function resizeHeads(b: GraphBuilder, x: Value, count: number, [from, to]: Resize): Value {
  if (from === to) return x;
  const halves = b.reshape(x, ["batch", "seq", 2 * count, from / 2]);
  const resized = from < to ? b.pad(halves, 3, 0, (to - from) / 2) : b.slice(halves, 3, 0, to / 2);
  return b.reshape(resized, ["batch", "seq", count * to]);
}

/** Angles of a rotary table [C, from/2] → [C, to/2]; what turns zeros does not matter. */
function padAngles(b: GraphBuilder, table: Value, [from, to]: Resize): Value {
  return from === to ? table : b.pad(table, 1, 0, (to - from) / 2);
}

function bankRewrite(b: GraphBuilder, config: ModelConfig): ModelRewrite {
  const gains = b.input("gains", "f32", ["batch", 1, "rank"]);
  // Multiplying by 0 would not do: another tenant's factors may overflow on this row, and ∞ · 0 is NaN.
  const off = b.equal(gains, 0);
  const modules = new Map(linearModules(config).map((module) => [module.path, module]));
  return {
    linear: ({ path, x }) => {
      const module = modules.get(path);
      if (module === undefined) return {};
      const names = factorNames(path);
      const down = b.matmul(x, b.input(names.a, "f32", ["rank", module.in]), { transB: true });
      const gained = b.where(off, 0, b.mul(down, gains));
      return { added: [b.matmul(gained, b.input(names.b, "f32", ["rank", module.out]))] };
    },
  };
}
