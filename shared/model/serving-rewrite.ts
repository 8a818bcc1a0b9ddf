import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { Dim, Shape } from "../graph/value-type.ts";
import type { ModelConfig } from "./config.ts";
import { linearModules } from "./modules.ts";
import type { BlockSite, LinearChange, LinearSite, ModelRewrite } from "./rewrite.ts";

/**
 * What the rows of a batch need of the decode graph. A graph without a part is faster and takes less memory; one with it
 * computes the same for a row that has zeros there (ones for scales).
 */
export interface ServingFeatures {
  /**
   * How factors and bottlenecks lie. `bank`: those of all rows side by side, shared by the batch, and what a row did not
   * ask for its gains switch off. `rows`: each row has its own, with weights folded in.
   */
  readonly layout: "bank" | "rows";
  /** Low-rank factors of linear layers. */
  readonly factors: boolean;
  /** Scales and biases of linear layers. */
  readonly vectors: boolean;
  /** Bottleneck adapters of blocks, by what their columns take in; `any`: each says so itself. */
  readonly bottlenecks: "none" | "output" | "stream" | "any";
}

/** The bare base. */
export const NO_FEATURES: ServingFeatures = { layout: "bank", factors: false, vectors: false, bottlenecks: "none" };

/** Inputs of the bank: gains [batch, 1, rank] of the factors and [batch, 1, columns] of the bottlenecks. */
export const GAINS = { factors: "gains", bottlenecks: "column_gains" } as const;

/**
 * Inputs of a linear layer's factors: A [rank, in] and B [rank, out]. Where each row has its own there is `batch`
 * before them, and ranks may differ between layers.
 */
export const factorNames = (path: string) => ({ a: `${path}.A`, b: `${path}.B` });

/** Inputs of a linear layer's scale and bias, [batch, 1, out] each. */
export const vectorNames = (path: string) => ({ scale: `${path}.s`, bias: `${path}.b` });

/**
 * Inputs of a block's bottlenecks: `down` and `up` [columns, D], and of each column a bias and the flags of the
 * canonical form [1, 1, columns], with `batch` before or instead of the first 1 if each row has its own, and columns of
 * the block's own; `upBias` [batch, 1, D]. The flags of what is taken in are there for `any` alone.
 */
export const bottleneckNames = (path: string) => ({
  down: `${path}.down`,
  up: `${path}.up`,
  downBias: `${path}.down_bias`,
  fromOutput: `${path}.from_output`,
  fromStream: `${path}.from_stream`,
  silu: `${path}.silu`,
  upBias: `${path}.up_bias`,
});

/** Where a graph runs the model more than once. */
export interface RewriteInputs {
  /** Comes before the name of every input and of every named dimension; nothing when left out. */
  readonly prefix?: string;
  /** How many rows; `batch` when left out. */
  readonly rows?: Dim;
}

/**
 * Deltas as inputs of a decode graph, so that one session serves everybody's: canonical form in, with the rows of the
 * batch distinguished by `batch`. Embeddings, the head and positions before the text are not part of it.
 */
export function servingRewrite(
  b: GraphBuilder,
  config: ModelConfig,
  features: ServingFeatures,
  { prefix = "", rows = "batch" }: RewriteInputs = {},
): ModelRewrite {
  const { layout, factors, vectors, bottlenecks } = features;
  const input = (name: string, shape: Shape) => b.input(`${prefix}${name}`, "f32", shape);
  const gated = (name: string, axis: string) => (layout === "bank" ? gate(b, input(name, [rows, 1, axis])) : same);
  const ranks = factors ? gated(GAINS.factors, `${prefix}rank`) : same;
  const columns = bottlenecks === "none" ? same : gated(GAINS.bottlenecks, `${prefix}columns`);
  const own: Shape = layout === "rows" ? [rows] : [];
  const axisOf = (path: string, name: string) => (layout === "rows" ? `${prefix}${path}.${name}` : `${prefix}${name}`);
  const modules = new Map(linearModules(config).map((module) => [module.path, module]));

  const linear = ({ path, x }: LinearSite): LinearChange => {
    const module = modules.get(path);
    if (module === undefined) return {};
    const added: Value[] = [];
    if (factors) {
      const names = factorNames(path);
      const rank = axisOf(path, "rank");
      const down = b.matmul(x, input(names.a, [...own, rank, module.in]), { transB: true });
      added.push(b.matmul(ranks(down), input(names.b, [...own, rank, module.out])));
    }
    if (!vectors) return { added };
    const names = vectorNames(path);
    const scale = input(names.scale, [rows, 1, module.out]);
    return { scale, added: [...added, input(names.bias, [rows, 1, module.out])] };
  };

  const block = ({ path, stream, y }: BlockSite): Value[] => {
    const names = bottleneckNames(path);
    const axis = axisOf(path, "columns");
    const matrix = (name: string) => input(name, [...own, axis, config.hiddenSize]);
    const vector = (name: string) => input(name, [layout === "rows" ? rows : 1, 1, axis]);
    const down = matrix(names.down);
    const into = (x: Value) => b.matmul(x, down, { transB: true });
    const taken =
      bottlenecks === "any"
        ? b.add(b.mul(into(y), vector(names.fromOutput)), b.mul(into(stream), vector(names.fromStream)))
        : into(bottlenecks === "output" ? y : stream);
    const z = b.add(taken, vector(names.downBias));
    const f = b.where(b.equal(vector(names.silu), 1), b.silu(z), b.relu(z));
    return [b.matmul(columns(f), matrix(names.up)), input(names.upBias, [rows, 1, config.hiddenSize])];
  };
  return { linear, ...(bottlenecks === "none" ? {} : { block }) };
}

const same = (x: Value): Value => x;

/** x ⊙ gains, and 0 where the gain is: another tenant's factors may overflow on this row, and ∞ · 0 is NaN. */
function gate(b: GraphBuilder, gains: Value): (x: Value) => Value {
  const off = b.equal(gains, 0);
  return (x) => b.where(off, 0, b.mul(x, gains));
}
