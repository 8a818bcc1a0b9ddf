import { TrimtabError } from "../../shared/errors.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { tapWidth } from "../../shared/model/taps.ts";
import { type BatchShape, trainingForward } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { chooseBatchShape } from "../data/batch-shape.ts";
import { evaluationBatches } from "../data/batches.ts";
import { unitsOf } from "../data/units.ts";
import type { Executor } from "../engines/executor.ts";
import { takenBy, withoutUnread } from "../engines/feeds.ts";
import { feedsFor } from "./causal-graphs.ts";
import type { RecipeContext } from "./recipe.ts";

export interface ReadActivationsOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  /** What is read of every token, as taps.ts lists it. */
  readonly taps: readonly string[];
  readonly padId: number;
  /** Awaited after every batch. */
  readonly yieldToEventLoop: RecipeContext["yieldToEventLoop"];
}

/** The activations of one text of T tokens. */
export interface TextActivations {
  /** Which of the texts it is, counted from 0. */
  readonly index: number;
  /** T */
  readonly length: number;
  /** Tap → [T, width], row-major. A view of the batch: copy what has to last. */
  readonly states: ReadonlyMap<string, Float32Array>;
}

/** Numbers of activations that one batch may return: 256 MiB. A batch always holds one text. */
const MOST_NUMBERS = 1 << 26;

/**
 * Runs texts, given as token ids, through the model and yields the taps' values at every token, text by text. Texts come in
 * the order in which they are packed, each once; `index` says which one it is. No text is longer than the model's context, and
 * none is empty.
 *
 * Throws `invalid_graph` for an unknown tap, and `non_finite`, naming the tap, for a value that is NaN or infinite.
 */
export async function* readActivations(
  executor: Executor,
  texts: readonly Int32Array[],
  options: ReadActivationsOptions,
): AsyncGenerator<TextActivations, void> {
  const { config, weights, taps, padId, yieldToEventLoop } = options;
  if (texts.length === 0) return;
  const widths = taps.map((tap) => tapWidth(config, tap));
  const shape = shapeFor(config, texts, { numbersPerToken: widths.reduce((sum, width) => sum + width, 0) });
  const b = new GraphBuilder("activations");
  const { tap } = trainingForward(b, config, shape);
  // The layers above the highest tap are not computed, so their weights are not held either.
  const graph = withoutUnread(b.build(Object.fromEntries(taps.map((name) => [name, tap(name)]))));
  const program = await executor.compile(graph, { bindings: takenBy(graph, weights) });
  try {
    const units = unitsOf(texts.map((ids) => ({ ids, labels: ids })));
    for (const { feeds, places } of evaluationBatches(units, { shape, packing: true, padId })) {
      const outputs = await program.run(feedsFor(graph, feeds));
      for (const { index, start, length } of places) {
        const states = new Map<string, Float32Array>();
        for (const [at, name] of taps.entries()) {
          const width = widths[at]!;
          const state = (outputs[name]!.data as Float32Array).subarray(start * width, (start + length) * width);
          if (!state.every(Number.isFinite)) throw notFinite(name, index);
          states.set(name, state);
        }
        yield { index, length, states };
      }
      await yieldToEventLoop();
    }
  } finally {
    await program.dispose();
  }
}

function shapeFor(
  config: ModelConfig,
  texts: readonly Int32Array[],
  { numbersPerToken }: { readonly numbersPerToken: number },
): BatchShape {
  const units = texts.map(({ length }) => ({ lengths: [length], shared: 0 }));
  const { rows, tokens } = chooseBatchShape({
    config,
    groups: [units],
    units,
    limit: config.maxPositions,
    packing: true,
  });
  const most = Math.max(1, Math.floor(MOST_NUMBERS / (tokens * numbersPerToken)));
  return { rows: Math.min(rows, most), tokens };
}

function notFinite(tap: string, text: number): TrimtabError {
  return new TrimtabError(
    "non_finite",
    `the model's activations at ${tap} are not finite, so nothing can be measured there; check the model's weights`,
    { data: { tap, text } },
  );
}
