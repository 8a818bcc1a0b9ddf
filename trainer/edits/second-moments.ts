import { GraphBuilder } from "../../shared/graph/builder.ts";
import { type DenseMatrix, matrix } from "../../shared/linalg/matrix.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { tapWidth } from "../../shared/model/taps.ts";
import { type BatchShape, trainingForward } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { evaluationBatches } from "../data/batches.ts";
import { unitsOf } from "../data/units.ts";
import type { Executor, Program } from "../engines/executor.ts";
import { takenBy, withoutUnread } from "../engines/feeds.ts";
import { feedsFor } from "../recipes/causal-graphs.ts";
import { lengthBucket } from "./buckets.ts";
import { keyTap } from "./edit-model.ts";

/** Tokens whose outer products are summed at once, in the executor's precision. */
const BATCH_TOKENS = 1_024;
/** C is compared with what it was at half its tokens, as often as this. */
const DOUBLINGS = 3;

export interface SecondMoments {
  /** Layer → C [in, in], the mean of kᵀk over the tokens. */
  readonly moments: ReadonlyMap<number, DenseMatrix>;
  readonly tokens: number;
  /** Layer → how far C moved when its tokens doubled, as a share of its Frobenius norm. */
  readonly convergence: ReadonlyMap<number, readonly { readonly tokens: number; readonly change: number }[]>;
}

export interface SecondMomentOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly layers: readonly number[];
  readonly padId: number;
  readonly yieldToEventLoop: () => Promise<void>;
  /** Called with the tokens so far. */
  readonly onRead?: (tokens: number) => void;
}

/**
 * The uncentred second moments of keys, the inputs of `mlp.down_proj`, over every token of texts that are each read alone. Products
 * of up to 1,024 tokens are summed by the executor, and these sums in float64. Throws what `Program.run` throws.
 */
export async function secondMoments(
  executor: Executor,
  texts: readonly Int32Array[],
  options: SecondMomentOptions,
): Promise<SecondMoments> {
  const { config, layers, padId, yieldToEventLoop, onRead } = options;
  const longest = Math.min(
    config.maxPositions,
    lengthBucket(texts.reduce((most, { length }) => Math.max(most, length), 0)),
  );
  const shape = { rows: Math.max(1, Math.floor(BATCH_TOKENS / longest)), tokens: longest };
  const { program, graph } = await compile(executor, shape, options);
  const sums = new Map(layers.map((layer) => [layer, new Float64Array(tapWidth(config, keyTap(layer)) ** 2)]));
  const earlier = new Map<number, Float64Array>();
  const convergence = new Map(layers.map((layer) => [layer, [] as { tokens: number; change: number }[]]));
  let tokens = 0;
  try {
    for (const part of doublings(texts)) {
      for (const { feeds, places } of evaluationBatches(unitsOf(part.map((ids) => ({ ids, labels: ids }))), {
        ...{ shape, packing: true, padId },
      })) {
        const outputs = await program.run(feedsFor(graph, feeds));
        for (const [layer, sum] of sums) {
          const { data } = outputs[`sum.${layer}`]!;
          for (let at = 0; at < sum.length; at++) sum[at]! += Number(data[at]);
        }
        tokens += places.reduce((total, { length }) => total + length, 0);
        onRead?.(tokens);
        await yieldToEventLoop();
      }
      for (const [layer, sum] of sums) {
        const now = sum.map((value) => value / tokens);
        const before = earlier.get(layer);
        if (before !== undefined) convergence.get(layer)!.push({ tokens, change: relativeDistance(before, now) });
        earlier.set(layer, now);
      }
    }
  } finally {
    await program.dispose();
  }
  const moments = new Map(
    [...earlier].map(([layer, data]) => [layer, matrix(Math.sqrt(data.length), Math.sqrt(data.length), data)]),
  );
  return { moments, tokens, convergence };
}

async function compile(executor: Executor, shape: BatchShape, { config, weights, layers }: SecondMomentOptions) {
  const b = new GraphBuilder("second moments");
  const { tap } = trainingForward(b, config, shape);
  const whole = b.build({ last: tap(keyTap(Math.max(...layers))) });
  const { value: segments } = whole.inputs.find(({ name }) => name === "segments")!;
  const size = shape.rows * shape.tokens;
  // Padding has the segment 0.
  const isText = b.cast(b.greater(b.reshape(segments, [size, 1]), b.scalar(0, "i32")), "f32");
  const sums = layers.map((layer) => {
    const keys = b.mul(b.reshape(tap(keyTap(layer)), [size, tapWidth(config, keyTap(layer))]), isText);
    return [`sum.${layer}`, b.matmul(keys, keys, { transA: true })] as const;
  });
  const graph = withoutUnread(b.build(Object.fromEntries(sums)));
  const program: Program = await executor.compile(graph, { bindings: takenBy(graph, weights) });
  return { program, graph };
}

/** The texts in parts, each of which doubles the tokens that were read before it. */
function doublings(texts: readonly Int32Array[]): Int32Array[][] {
  const total = texts.reduce((sum, { length }) => sum + length, 0);
  const ends = Array.from({ length: DOUBLINGS + 1 }, (_, i) => total / 2 ** (DOUBLINGS - i));
  const parts: Int32Array[][] = ends.map(() => []);
  let [part, read] = [0, 0];
  for (const ids of texts) {
    parts[part]!.push(ids);
    read += ids.length;
    while (part < DOUBLINGS && read >= ends[part]!) part += 1;
  }
  return parts.filter(({ length }) => length > 0);
}

function relativeDistance(before: Float64Array, now: Float64Array): number {
  let [difference, size] = [0, 0];
  for (let at = 0; at < now.length; at++) {
    difference += (now[at]! - before[at]!) ** 2;
    size += now[at]! ** 2;
  }
  return Math.sqrt(difference / (size || 1));
}
