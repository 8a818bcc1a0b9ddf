import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";

/**
 * The changes that an adapter, an edit or steering can make to the forward pass. These are all the hooks:
 *
 *     hook      where                        what comes of it                             seen by the tap
 *     embed     after the embedding          the embeddings that it returns               embedding
 *     prefix    attention of layer N         more keys and values, before the text's      layers.N.self_attn.o_proj.input
 *     linear    a linear layer, or the head  y = (1 + Σ (sᵢ − 1)) ⊙ xW + bias + Σ added   the next tap, or the logits
 *     block     attention or MLP of layer N  stream + y + Σ added                         layers.N.self_attn, layers.N.mlp
 *     stream    after layer N                stream + Σ added                             layers.N
 *     product   a linear layer               another way to compute the same xW           as `linear`
 *
 * Most hooks give contributions instead of a result, so that any number of them add up in the same way in training and in
 * serving. Steering adds to `stream`; where its vector is constant, a bias on `layers.N.mlp.down_proj` is the same sum, and a
 * delta can hold it. An edit of a fact adds to the output of `layers.N.mlp.down_proj` through `linear`.
 *
 * Legend: B batch, T tokens, D width of the residual stream, K key/value heads, P width of a head. The taps are in taps.ts.
 */
export interface ModelRewrite {
  readonly linear?: (site: LinearSite) => LinearChange;
  readonly block?: (site: BlockSite) => readonly Value[];
  readonly stream?: (site: StreamSite) => readonly Value[];
  /** The embeddings [B, T, D] that replace `y`. */
  readonly embed?: (site: EmbeddingSite) => Value;
  /** Keys, taken as they are and not rotated, and values of a layer's first positions, [n, K·P] each. */
  readonly prefix?: (layer: number) => { readonly key: Value; readonly value: Value };
  /** xW [B, T, out] by other means than the weight in float32; undefined: as usual. */
  readonly product?: (path: string, x: Value) => Value | undefined;
}

/** A linear layer y = xW + bias. */
export interface LinearSite {
  readonly path: string;
  /** [B, T, in] */
  readonly x: Value;
  /** xW [B, T, out] */
  readonly product: Value;
  /** zW [..., out] of another input z [..., in], by the same means. */
  readonly multiply: (z: Value) => Value;
  /** [out]; absent if the layer has none. */
  readonly bias?: Value;
}

export interface LinearChange {
  /** A factor on xW, [out] or any shape that broadcasts to it. */
  readonly scale?: Value;
  /** Terms that broadcast to [B, T, out]. */
  readonly added?: readonly Value[];
}

/** The attention or the feed-forward network of a layer. */
export interface BlockSite {
  /** As `blockPaths` lists them. */
  readonly path: string;
  /** The input before the norm [B, T, D]. */
  readonly stream: Value;
  /** What the block adds to it without the rewrite [B, T, D]. */
  readonly y: Value;
}

/** The residual stream between two layers, or between the last one and the final norm. */
export interface StreamSite {
  /** The layer that has just added to it, counted from 0. */
  readonly layer: number;
  /** [B, T, D]; terms for it must broadcast to that. */
  readonly stream: Value;
}

export interface EmbeddingSite {
  /** [B, T] i64 */
  readonly tokens: Value;
  /** [B, T, D] */
  readonly y: Value;
}

/**
 * Several rewrites as one: contributions add up, embeddings pass through one rewrite after the other, and at most one may
 * have a prefix and one a product (the methods' `combine` checks that).
 */
export function combineRewrites(b: GraphBuilder, rewrites: readonly ModelRewrite[]): ModelRewrite {
  const only = <K extends "prefix" | "product">(hook: K): Pick<ModelRewrite, K> => {
    const found = rewrites.find((rewrite) => rewrite[hook] !== undefined);
    return (found === undefined ? {} : { [hook]: found[hook] }) as Pick<ModelRewrite, K>;
  };
  return {
    linear: (site) =>
      sumChanges(
        b,
        rewrites.map((rewrite) => rewrite.linear?.(site) ?? {}),
      ),
    block: (site) => rewrites.flatMap((rewrite) => rewrite.block?.(site) ?? []),
    stream: (site) => rewrites.flatMap((rewrite) => rewrite.stream?.(site) ?? []),
    embed: (site) => rewrites.reduce((y, rewrite) => rewrite.embed?.({ ...site, y }) ?? y, site.y),
    ...only("prefix"),
    ...only("product"),
  };
}

/** Combines scales by adding up their differences from 1. */
function sumChanges(b: GraphBuilder, changes: readonly LinearChange[]): LinearChange {
  const scales = changes.flatMap(({ scale }) => (scale === undefined ? [] : [scale]));
  const added = changes.flatMap((change) => change.added ?? []);
  if (scales.length === 0) return { added };
  return { added, scale: scales.reduce((sum, scale) => b.add(sum, b.sub(scale, 1))) };
}
