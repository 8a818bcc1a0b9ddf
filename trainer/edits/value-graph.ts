import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { forward, head, weightInputs } from "../../shared/model/forward.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { ropeTables } from "../../shared/model/rope.ts";
import { gradientGraph } from "../loop/gradient-graph.ts";
import { attention } from "./row-graph.ts";

/**
 * The size of a batch of values: F facts with n rows each, the last of which is the subject alone. A row has its past, up to `past`
 * tokens before the subject's last one, and from that token on up to `tokens` tokens. `picks`: places in all rows that predict
 * tokens of targets.
 */
export interface ValueShape {
  readonly facts: number;
  readonly rows: number;
  readonly past: number;
  readonly tokens: number;
  readonly picks: number;
}

export interface ValueGraphOptions {
  readonly config: ModelConfig;
  /** δ is added after this layer. */
  readonly layer: number;
  readonly shape: ValueShape;
  readonly klFactor: number;
}

export const DELTA = "delta";
/** The loss of every fact [F, 1], among the outputs. */
export const LOSSES = "losses";
export const pastNames = (layer: number) => ({ key: `past.${layer}.key`, value: `past.${layer}.value` });

/** Added to ‖δ‖² below the root: no δ but 0 is that short, and there its norm has the gradient 0. */
const SHORTEST = 1e-30;

/**
 * The loss and its gradient for δ [F, D] of F facts that do not see each other:
 *
 *     mean over contexts of the mean over the target of −log p + klFactor · KL(edited ‖ base) + decay · ‖δ‖
 *
 * Only what δ changes is computed: the layers above `layer`, from the subject's last token on. Earlier tokens come as keys and values.
 *
 * The parameter is δ over `unit`, so that one step of Adam moves every fact by a share of its own unit.
 *
 * Inputs, with R = F·n: `unit` [F, 1]; `stream` [R, T, D] after `layer`; `past.N.key`, `past.N.value` [R, K, C, P] of the layers above; `positions`
 * [R, T] i64; `bias` [R, 1, T, C + T]; `picks` [picks] i64, places in R·T; `targets` [picks, 1] i64; `pick_weights` [picks, 1], 0 for
 * places that do not count; `pick_facts` [picks] i64; `base` [F, V], log-probabilities after the subject alone; `decay` [F, 1];
 * `active` [F, 1], 0 for facts that are done.
 */
export function valueGraph({ config, layer, shape, klFactor }: ValueGraphOptions): Graph {
  const b = new GraphBuilder(`values after ${layer}`);
  const { facts, rows: rowsOfFact, past, tokens, picks } = shape;
  const { hiddenSize: width, heads, kvHeads, headDim, vocabSize } = config;
  const rows = facts * rowsOfFact;
  const parameter = b.input(DELTA, "f32", [facts, width]);
  const delta = b.mul(parameter, b.input("unit", "f32", [facts, 1]));
  const start = b.input("stream", "f32", [rows, tokens, width]);
  const positions = b.input("positions", "i64", [rows, tokens]);
  const bias = b.input("bias", "f32", [rows, 1, tokens, past + tokens]);
  const weight = weightInputs(b, new Map(weightSpecs(config).map(({ name, shape: own }) => [name, own])));
  const tables = ropeTables(config, config.maxPositions);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };

  const ofRows = b.reshape(b.expand(b.reshape(delta, [facts, 1, width]), [facts, rowsOfFact, width]), [rows, 1, width]);
  const stream = b.add(start, tokens === 1 ? ofRows : b.pad(ofRows, 1, 0, tokens - 1));
  const attend = (at: number, q: Value, k: Value, v: Value): Value => {
    const split = (x: Value, count: number) => b.transpose(b.reshape(x, [rows, tokens, count, headDim]), [0, 2, 1, 3]);
    const names = pastNames(at);
    const behind = (name: string, x: Value) => b.concat([b.input(name, "f32", [rows, kvHeads, past, headDim]), x], 2);
    const query = b.mul(b.rope(split(q, heads), positions, rope), 1 / Math.sqrt(headDim));
    const key = behind(names.key, b.rope(split(k, kvHeads), positions, rope));
    return attention(b, config, { query, key, value: behind(names.value, split(v, kvHeads)), bias });
  };
  const final = forward({ b, config, tokens: stream, weight, attend, firstLayer: layer + 1 });

  const flat = b.reshape(final, [rows * tokens, width]);
  const logProbabilities = (places: Value) => b.logSoftmax(head({ b, config, weight }, b.gather(flat, places)));
  const predicted = logProbabilities(b.input("picks", "i64", [picks]));
  const ofTargets = b.gatherElements(predicted, b.input("targets", "i64", [picks, 1]));
  const weighted = b.mul(ofTargets, b.input("pick_weights", "f32", [picks, 1]));
  const nll = b.neg(b.scatterAddRows(b.input("pick_facts", "i64", [picks]), weighted, facts));

  const alone = b.input("alone", "i64", [facts]);
  const edited = logProbabilities(alone);
  const base = b.input("base", "f32", [facts, vocabSize]);
  const divergence = b.reduceSum(b.mul(b.exp(edited), b.sub(edited, base)), [1], true);
  const norm = b.sqrt(b.max(b.reduceSum(b.square(delta), [1], true), SHORTEST));
  const decay = b.mul(norm, b.input("decay", "f32", [facts, 1]));
  const losses = b.add(b.add(nll, b.mul(divergence, klFactor)), decay);
  const loss = b.reduceSum(b.mul(losses, b.input("active", "f32", [facts, 1])), [0, 1]);
  const parameters = [{ name: DELTA, shape: [facts, width], decay: false }];
  return gradientGraph(b, { loss, parameters, parameter: () => parameter, outputs: { [LOSSES]: losses } });
}
