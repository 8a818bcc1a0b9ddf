/** Judges the beginnings of texts as serving will, in every way that a classifier was trained for. */
import type { ScorerMode } from "../../../shared/delta/scorer.ts";
import type { Graph } from "../../../shared/graph/graph.ts";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { evaluationBatches, type RowOptions } from "../../data/batches.ts";
import { type Unit, type UnitExample, unitsOf } from "../../data/units.ts";
import { takenBy } from "../../engines/feeds.ts";
import { feedsFor, frozenTensors, outputGraph } from "../causal-graphs.ts";
import type { RunTools } from "../objective.ts";
import type { Judgement } from "./calibration.ts";
import { CLASS, type ClassifierLoss, positionScores } from "./loss.ts";
import { SCORER } from "./parameters.ts";

/** The shares of a text that are judged. */
export const SHARES = [0.25, 0.5, 0.75, 1] as const;

/** The judgements of every text at each share, in the order of `SHARES`. */
export type Judgements = ReadonlyMap<ScorerMode, readonly (readonly Judgement[])[]>;

export interface JudgeOptions {
  readonly tools: Pick<RunTools, "config" | "weights" | "method" | "executor" | "yieldToEventLoop">;
  readonly rows: RowOptions;
  /** As the run trains on them, with placeholders. */
  readonly units: readonly Unit[];
  readonly values: ReadonlyMap<string, Tensor>;
  readonly loss: ClassifierLoss;
  /** The end-of-text token, which is not part of a text. */
  readonly eosId: number;
}

/** The graph is made once, so that an executor which keeps programs compiles it once. */
export function createJudge(): (options: JudgeOptions) => Promise<Judgements> {
  let graph: Graph | undefined;
  return async (options) => {
    graph ??= scoreGraph(options);
    return judge(graph, options);
  };
}

function scoreGraph({ tools, rows, loss }: JudgeOptions): Graph {
  const { config, method } = tools;
  return outputGraph("class_scores", { config, method, shape: rows.shape }, (context) => {
    const { head, values } = positionScores(context, loss);
    return {
      head,
      ...(values === undefined ? {} : { values }),
      ...(loss.modes.includes("class_rows") ? { log_probabilities: context.logProbabilities() } : {}),
    };
  });
}

async function judge(graph: Graph, options: JudgeOptions): Promise<Judgements> {
  const { tools, rows, units, values, loss } = options;
  const program = await tools.executor.compile(graph, {
    bindings: takenBy(graph, frozenTensors(tools.weights, tools.method)),
  });
  const taken = new Set(graph.inputs.map(({ name }) => name));
  const used = Object.fromEntries([...values].filter(([name]) => taken.has(name)));
  const examples = units.flatMap((unit) => unit.examples);
  const numbers = examples.map((): ExampleScores => ({}));
  const { shape, packing, padId } = rows;
  // Scores belong to single examples, so units need not stay together.
  for (const { feeds, places } of evaluationBatches(unitsOf(examples), { shape, packing, padId })) {
    const outputs = await program.run({ ...feedsFor(graph, feeds), ...used });
    for (const { index, start, length } of places) {
      for (const [name, width] of [
        ["head", loss.classes],
        ["values", loss.classes],
        ["log_probabilities", 1],
      ] as const) {
        const data = outputs[name]?.data as Float32Array | undefined;
        if (data !== undefined) numbers[index]![name] = data.slice(start * width, (start + length) * width);
      }
    }
    await tools.yieldToEventLoop();
  }
  return collect(numbers, options);
}

/** What one example's positions gave, flat. */
interface ExampleScores {
  head?: Float32Array;
  values?: Float32Array;
  log_probabilities?: Float32Array;
}

function collect(numbers: readonly ExampleScores[], { units, values, loss, eosId }: JudgeOptions): Judgements {
  const { classes, modes } = loss;
  const result = new Map(modes.map((mode) => [mode, SHARES.map((): Judgement[] => [])]));
  const scale = Math.exp(values.get(SCORER.logScale)?.data[0] as number);
  const bias = values.get(SCORER.rowBias)?.data as Float32Array | undefined;
  let first = 0;
  for (const { examples, columns } of units) {
    const own = numbers.slice(first, first + examples.length);
    first += examples.length;
    const label = columns![CLASS]!;
    const [start, length] = textOf(examples[0]!, eosId);
    const at = (scores: Float32Array, position: number) =>
      Float64Array.from(scores.subarray(position * classes, (position + 1) * classes));
    for (const [nth, share] of SHARES.entries()) {
      const read = Math.max(1, Math.round(share * length));
      const last = start + read - 1;
      const logits: Record<ScorerMode, () => Float64Array> = {
        lookahead: () => at(own[0]!.head!, last),
        token_values: () => at(own[0]!.values!, last - 1),
        class_rows: () =>
          Float64Array.from({ length: classes }, (_, c) => {
            const [from, whole] = textOf(examples[c + 1]!, eosId);
            const count = Math.min(read, whole);
            const tokens = own[c + 1]!.log_probabilities!.subarray(from - 1, from - 1 + count);
            return bias![c]! + (scale * tokens.reduce((sum, log) => sum + log, 0)) / count;
          }),
      };
      for (const mode of modes) result.get(mode)![nth]!.push({ logits: logits[mode](), label });
    }
  }
  return result;
}

/** Where an example's text begins, and its number of tokens without the end of text. */
function textOf({ ids, labels }: UnitExample, eosId: number): [start: number, length: number] {
  const start = labels.findIndex((label) => label !== IGNORED_LABEL);
  const ended = ids.at(-1) === eosId ? 1 : 0;
  return [start, Math.max(1, ids.length - ended - start)];
}
