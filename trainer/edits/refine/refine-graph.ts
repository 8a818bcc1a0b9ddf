import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Graph, Value } from "../../../shared/graph/graph.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { head } from "../../../shared/model/forward.ts";
import { type BatchShape, trainingForward } from "../../../shared/model/training-forward.ts";
import type { Parameter } from "../../../shared/peft/method.ts";
import { gradientGraph } from "../../loop/gradient-graph.ts";
import { editedModule } from "../edit-model.ts";

/** Rows of texts, and how many places in them are looked at: those that predict targets, and those that shall stay as they were. */
export interface RefineShape extends BatchShape {
  readonly picks: number;
  readonly kept: number;
}

export interface RefineGraphOptions {
  readonly config: ModelConfig;
  readonly shape: RefineShape;
  readonly parameters: readonly Parameter[];
  /** Weight of the divergence. */
  readonly keep: number;
}

/** The factors of a layer's change, A [in, r] and B [r, out]. */
export const factorNames = (layer: number) => ({ a: `a.${layer}`, b: `b.${layer}` });

/**
 * The loss and its gradient for the factors of all layers' changes, W + AB:
 *
 *     Σ weight · −log p(target) + keep · Σ weight · KL(before ‖ now)
 *
 * Inputs beside the weights and those of `trainingForward`, for B rows of T tokens: `felt` [B, T, 1], where the change acts;
 * `picks` [P] i64, places in B·T; `targets` [P, 1] i64; `pick_weights` [P, 1]; `kept` [K] i64, places in B·T; `states` [K, D], the
 * states behind the last norm there before the change; `kept_weights` [K, 1]. Places that do not count have the weight 0.
 */
export function refineGraph({ config, shape, parameters, keep }: RefineGraphOptions): Graph {
  const b = new GraphBuilder("refine");
  const { rows, tokens, picks, kept } = shape;
  const { hiddenSize: width } = config;
  const values = new Map(parameters.map(({ name, shape: own }) => [name, b.input(name, "f32", own)]));
  const felt = b.input("felt", "f32", [rows, tokens, 1]);
  const layers = new Map(Array.from({ length: config.layers }, (_, layer) => [editedModule(layer), layer]));
  const { tap, weight } = trainingForward(b, config, shape, {
    rewrite: () => ({
      linear: ({ path, x }) => {
        const layer = layers.get(path);
        const names = factorNames(layer ?? -1);
        const [left, right] = [values.get(names.a), values.get(names.b)];
        if (left === undefined || right === undefined) return {};
        return { added: [b.mul(b.matmul(b.matmul(x, left), right), felt)] };
      },
    }),
  });
  const final = b.reshape(tap("final"), [rows * tokens, width]);
  const logProbabilities = (states: Value) => b.logSoftmax(head({ b, config, weight }, states));

  const predicted = logProbabilities(b.gather(final, b.input("picks", "i64", [picks])));
  const ofTargets = b.gatherElements(predicted, b.input("targets", "i64", [picks, 1]));
  const nll = b.neg(b.reduceSum(b.mul(ofTargets, b.input("pick_weights", "f32", [picks, 1])), [0, 1]));

  const now = logProbabilities(b.gather(final, b.input("kept", "i64", [kept])));
  const before = logProbabilities(b.input("states", "f32", [kept, width]));
  const divergence = b.reduceSum(b.mul(b.exp(before), b.sub(before, now)), [1], true);
  const moved = b.reduceSum(b.mul(divergence, b.input("kept_weights", "f32", [kept, 1])), [0, 1]);
  return gradientGraph(b, {
    loss: b.add(nll, b.mul(moved, keep)),
    parameters,
    parameter: (name) => values.get(name)!,
    outputs: { nll, moved },
  });
}
