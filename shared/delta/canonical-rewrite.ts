import { TrimtabError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { ModelConfig } from "../model/config.ts";
import type { ModelRewrite } from "../model/rewrite.ts";
import { f32, type Tensor } from "../tensor.ts";
import type { CanonicalBottleneck, CanonicalDelta } from "./canonical.ts";

/** The number of positions before the text that have embeddings instead of tokens. */
export const virtualTokens = ({ prompt }: CanonicalDelta): number => prompt?.shape[0] ?? 0;

/** The number of positions before those, which have only keys and values. */
export const prefixTokens = ({ prefix }: CanonicalDelta): number => prefix?.[0]?.key.shape[0] ?? 0;

/**
 * Adds a delta to a training graph as constants: a direct statement of what the edge computes for a row that uses it. Pass
 * the delta's `prefixTokens` to `trainingForward`, and start every example with a placeholder token for each of its
 * `virtualTokens`. `positions` [B, T] i64 counts from the first placeholder.
 */
export function canonicalRewrite(
  b: GraphBuilder,
  { layers }: ModelConfig,
  delta: CanonicalDelta,
  positions: Value,
): ModelRewrite {
  const { linears, bottlenecks, embedding, prompt, prefix } = delta;
  if (prefix !== undefined && prefix.length !== layers) {
    throw new TrimtabError(
      "invalid_delta",
      `the delta's prefix has ${prefix.length} layers, but the model has ${layers}`,
    );
  }
  return {
    linear: ({ path, x }) => {
      const { a, b: up, scale, bias } = linears.get(path) ?? {};
      const product = a && up && b.matmul(b.matmul(x, b.constant(a)), b.constant(up));
      const added = [product, bias && b.constant(bias)].filter((term) => term !== undefined);
      return { added, ...(scale === undefined ? {} : { scale: b.constant(scale) }) };
    },
    block: ({ path, stream, y }) => {
      const bottleneck = bottlenecks.get(path);
      return bottleneck === undefined ? [] : bottleneckTerms(b, bottleneck, { stream, y });
    },
    embed: ({ tokens, y }) => {
      const changed =
        embedding === undefined
          ? y
          : b.add(y, b.matmul(b.gather(b.constant(embedding.a), tokens), b.constant(embedding.b)));
      return prompt === undefined ? changed : virtualEmbeddings(b, { prompt, positions, y: changed });
    },
    ...(prefix === undefined
      ? {}
      : {
          prefix: (layer) => {
            const { key, value } = prefix[layer]!;
            return { key: b.constant(key), value: b.constant(value) };
          },
        }),
  };
}

/** The terms f((y·D) ⊙ fromOutput + (x·D) ⊙ fromStream + c) U and u. */
function bottleneckTerms(
  b: GraphBuilder,
  { down, downBias, up, upBias, fromOutput, fromStream, silu }: CanonicalBottleneck,
  { stream, y }: { stream: Value; y: Value },
): Value[] {
  const inputs = [
    { x: y, columns: fromOutput },
    { x: stream, columns: fromStream },
  ].filter(({ columns }) => columns.data.some((flag) => flag !== 0));
  const z = inputs
    .map(({ x, columns }) => b.matmul(x, b.constant(withColumns(down, columns))))
    .reduce((sum, term) => b.add(sum, term), b.constant(f32([1, downBias.data.length], downBias.data)));
  const isSilu = b.equal(b.constant(silu), 1);
  return [b.matmul(b.where(isSilu, b.silu(z), b.relu(z)), b.constant(up)), b.constant(upBias)];
}

/** The matrix [D, M] with the columns whose flag is 0 set to zero. */
function withColumns({ shape, data }: Tensor<"f32">, flags: Tensor<"f32">): Tensor<"f32"> {
  const columns = shape[1]!;
  return f32(
    shape,
    data.map((value, at) => value * flags.data[at % columns]!),
  );
}

/** [B, T, D]: the prompt's rows at the first positions, then `y`. */
function virtualEmbeddings(
  b: GraphBuilder,
  { prompt, positions, y }: { prompt: Tensor<"f32">; positions: Value; y: Value },
): Value {
  const count = prompt.shape[0]!;
  const isVirtual = b.greater(b.scalar(count, "i64"), positions);
  const rows = b.gather(b.constant(prompt), b.min(positions, b.scalar(count - 1, "i64")));
  return b.where(b.reshape(isVirtual, [...positions.shape, 1]), rows, y);
}
