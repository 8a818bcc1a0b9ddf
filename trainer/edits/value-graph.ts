import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { forward, head, weightInputs } from "../../shared/model/forward.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { ropeTables } from "../../shared/model/rope.ts";
import { gradientGraph } from "../loop/gradient-graph.ts";
import { attention } from "./row-graph.ts";

/**
 * The size of a batch of values: F facts with n contexts each, and each fact's subject alone. A context has its past, up to `past` tokens
 * before the subject's last one, and from that token on up to `tokens` tokens. Of the subject alone only its last token is computed,
 * behind up to `subject` others. `picks`: places in all contexts that predict tokens of targets.
 */
export interface ValueShape {
  readonly facts: number;
  readonly contexts: number;
  readonly past: number;
  readonly tokens: number;
  readonly subject: number;
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
/** The input of that name, of the subjects alone. */
export const ofSubject = (name: string) => `subject.${name}`;

/** Added to ‖δ‖² below the root: no δ but 0 is that short, and there its norm has the gradient 0. */
const SHORTEST = 1e-30;

/**
 * The loss and its gradient for δ [F, D] of F facts that do not see each other:
 *
 *     mean over contexts of the mean over the target of −log p + klFactor · KL(edited ‖ base) + decay · ‖δ‖
 *
 * Only what δ changes is computed: the layers above `layer`, from the subject's last token on, and in the last of them the tokens that
 * predict something. Earlier tokens come as keys and values.
 *
 * The parameter is δ over `unit`, so that one step of Adam moves every fact by a share of its own unit.
 *
 * Inputs, with R = F·n: `unit` [F, 1]; `stream` [R, T, D] after `layer`; `past.N.key`, `past.N.value` [R, K, C, P] of the layers above;
 * `positions` [R, T] i64; `bias` [R, 1, T, C + T]; the same of the subjects alone, with F rows of one token, by the names of `ofSubject`;
 * `read` [picks + F] i64, places in R·T + F, the subjects' own at its end; `targets` [picks, 1] i64; `pick_weights` [picks, 1], 0 for
 * places that do not count; `pick_facts` [picks] i64; `base` [F, V], log-probabilities after the subject alone; `decay` [F, 1];
 * `active` [F, 1], 0 for facts that are done.
 */
export function valueGraph({ config, layer, shape, klFactor }: ValueGraphOptions): Graph {
  const b = new GraphBuilder(`values after ${layer}`);
  const { facts, contexts, past, tokens, subject, picks } = shape;
  const { hiddenSize: width, heads, kvHeads, headDim, vocabSize } = config;
  const rows = facts * contexts;
  const parameter = b.input(DELTA, "f32", [facts, width]);
  const delta = b.mul(parameter, b.input("unit", "f32", [facts, 1]));
  const weight = weightInputs(b, new Map(weightSpecs(config).map(({ name, shape: own }) => [name, own])));
  const tables = ropeTables(config, config.maxPositions);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };

  // Contexts and subjects are one row of tokens, so that each weight is multiplied once; they part in attention alone.
  const parts = [
    { rows, tokens, past, named: (name: string) => name },
    { rows: facts, tokens: 1, past: subject, named: ofSubject },
  ].map((part) => ({
    ...part,
    positions: b.input(part.named("positions"), "i64", [part.rows, part.tokens]),
    bias: b.input(part.named("bias"), "f32", [part.rows, 1, part.tokens, part.past + part.tokens]),
  }));
  const perFact = b.reshape(delta, [facts, 1, width]);
  const ofRows = b.reshape(b.expand(perFact, [facts, contexts, width]), [rows, 1, width]);
  const added = [tokens === 1 ? ofRows : b.pad(ofRows, 1, 0, tokens - 1), perFact];
  const streams = parts.map((part, i) => {
    const start = b.input(part.named("stream"), "f32", [part.rows, part.tokens, width]);
    return b.reshape(b.add(start, added[i]!), [1, part.rows * part.tokens, width]);
  });
  const attend = (at: number, q: Value, k: Value, v: Value): Value => {
    let first = 0;
    const mixed = parts.map(({ rows: own, tokens: length, past: before, named, positions, bias }) => {
      const end = first + own * length;
      const split = (x: Value, count: number) =>
        b.transpose(b.reshape(b.slice(x, 1, first, end), [own, length, count, headDim]), [0, 2, 1, 3]);
      const names = pastNames(at);
      const behind = (name: string, x: Value) =>
        b.concat([b.input(named(name), "f32", [own, kvHeads, before, headDim]), x], 2);
      const query = b.mul(b.rope(split(q, heads), positions, rope), 1 / Math.sqrt(headDim));
      const key = behind(names.key, b.rope(split(k, kvHeads), positions, rope));
      const value = behind(names.value, split(v, kvHeads));
      first = end;
      return b.reshape(attention(b, config, { query, key, value, bias }), [1, own * length, heads * headDim]);
    });
    return b.concat(mixed, 1);
  };
  const places = b.input("read", "i64", [picks + facts]);
  const read = (x: Value) => b.gather(b.reshape(x, [rows * tokens + facts, x.shape[2]!]), places);
  const final = forward({ b, config, tokens: b.concat(streams, 1), weight, attend, read, firstLayer: layer + 1 });

  const logProbabilities = b.logSoftmax(head({ b, config, weight }, final));
  const predicted = b.slice(logProbabilities, 0, 0, picks);
  const ofTargets = b.gatherElements(predicted, b.input("targets", "i64", [picks, 1]));
  const weighted = b.mul(ofTargets, b.input("pick_weights", "f32", [picks, 1]));
  const nll = b.neg(b.scatterAddRows(b.input("pick_facts", "i64", [picks]), weighted, facts));

  const edited = b.slice(logProbabilities, 0, picks);
  const base = b.input("base", "f32", [facts, vocabSize]);
  const divergence = b.reduceSum(b.mul(b.exp(edited), b.sub(edited, base)), [1], true);
  const norm = b.sqrt(b.max(b.reduceSum(b.square(delta), [1], true), SHORTEST));
  const decay = b.mul(norm, b.input("decay", "f32", [facts, 1]));
  const losses = b.add(b.add(nll, b.mul(divergence, klFactor)), decay);
  const loss = b.reduceSum(b.mul(losses, b.input("active", "f32", [facts, 1])), [0, 1]);
  const parameters = [{ name: DELTA, shape: [facts, width], decay: false }];
  return gradientGraph(b, { loss, parameters, parameter: () => parameter, outputs: { [LOSSES]: losses } });
}
