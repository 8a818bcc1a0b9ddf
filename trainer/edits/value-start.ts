import type { Graph } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { slotsFor, tokensFor } from "./buckets.ts";
import type { EditModel } from "./edit-model.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { rowGraph } from "./row-graph.ts";
import { type EncodedRow, rowFeeds } from "./rows.ts";
import { pastNames } from "./value-graph.ts";

/** What the values of one fact start from. D width, V vocabulary. */
export interface ValueStart {
  /** The output of the edited layer's MLP, and of the whole layer, at the subject's last token of the bare prompt [D]. */
  readonly mlp: Float64Array;
  readonly layer: Float64Array;
  /** log p after the subject alone [V]. */
  readonly base: Float32Array;
  /** The contexts, and the subject alone. */
  readonly contexts: readonly StartRow[];
  readonly subject: StartRow;
}

/** One row from its subject's last token on. */
export interface StartRow {
  /** Tokens before the subject's last one, and from it on. */
  readonly before: number;
  readonly after: number;
  /** The stream after the edited layer [after, D]. */
  readonly stream: Float32Array;
  /** By name: keys and values of the layers above [K, before, P]. */
  readonly past: ReadonlyMap<string, Float32Array>;
}

/** A fact's rows: its contexts, each followed by all of the target but its last token, and the subject alone. */
export function valueRows({ contexts, target, subjectAlone }: EncodedFact): EncodedRow[] {
  const behind = contexts.map(({ ids, at }) => ({ ids: Int32Array.from([...ids, ...target.slice(0, -1)]), at }));
  return [...behind, subjectAlone];
}

/** Reads what the values of these facts start from, on the weights as they are now; one run of a graph. */
export async function readValueStarts(
  model: EditModel,
  facts: readonly EncodedFact[],
  layer: number,
): Promise<ValueStart[]> {
  const { config } = model;
  const { kvHeads, headDim, hiddenSize: width, vocabSize } = config;
  const rows = facts.map(valueRows);
  const all = rows.flat();
  const slots = slotsFor(facts.length);
  const shape = {
    rows: slots * rows[0]!.length,
    tokens: tokensFor(slots, Math.max(...all.map(({ ids }) => ids.length))),
  };
  const { tokens } = shape;
  const name = `starts ${layer} ${shape.rows} ${tokens}`;
  const outputs = await model.run(name, () => startGraph(name, config, layer, shape), rowFeeds(all, shape));
  const data = (output: string) => outputs[output]!.data as Float32Array;

  const startRow = ({ ids, at }: EncodedRow, row: number): StartRow => {
    const after = ids.length - at;
    const first = (row * tokens + at) * width;
    const past = new Map<string, Float32Array>();
    for (let above = layer + 1; above < config.layers; above++) {
      for (const tensor of Object.values(pastNames(above))) {
        const values = data(tensor);
        const kept = emptyLike(values, kvHeads * at * headDim);
        for (let head = 0; head < kvHeads; head++) {
          const from = (row * kvHeads + head) * tokens * headDim;
          kept.set(values.subarray(from, from + at * headDim), head * at * headDim);
        }
        past.set(tensor, kept);
      }
    }
    return { before: at, after, stream: data("stream").slice(first, first + after * width), past };
  };
  let row = 0;
  return rows.map((own): ValueStart => {
    const start = row;
    row += own.length;
    const vector = (output: string) => Float64Array.from(data(output).subarray(start * width, (start + 1) * width));
    const last = row - 1;
    return {
      ...{ mlp: vector("mlp"), layer: vector("layer") },
      base: data("base").slice(last * vocabSize, (last + 1) * vocabSize),
      contexts: own.slice(0, -1).map((one, i) => startRow(one, start + i)),
      subject: startRow(own.at(-1)!, last),
    };
  });
}

function startGraph(
  name: string,
  config: ModelConfig,
  layer: number,
  shape: { readonly rows: number; readonly tokens: number },
): Graph {
  // A value's own layer is read at all tokens.
  const readsPlaces = layer < config.layers - 1;
  return rowGraph(name, { config, ...shape, readsPlaces }, ({ tap, past, atPositions, logProbabilities }) => {
    const above = Array.from({ length: config.layers - layer - 1 }, (_, i) => layer + 1 + i);
    return {
      stream: tap(`layers.${layer}`),
      mlp: atPositions(tap(`layers.${layer}.mlp`)),
      layer: atPositions(tap(`layers.${layer}`)),
      // Of every row, though only one of a fact is read: few rows more of the head's product.
      base: logProbabilities(readsPlaces ? tap("final") : atPositions(tap("final"))),
      ...Object.fromEntries(
        above.flatMap((one) => {
          const names = pastNames(one);
          const { key, value } = past(one);
          return [
            [names.key, key],
            [names.value, value],
          ];
        }),
      ),
    };
  });
}

/** Zeros in an array of the same kind. */
export function emptyLike(values: Float32Array, length: number): Float32Array {
  return new (values.constructor as Float32ArrayConstructor)(length);
}
