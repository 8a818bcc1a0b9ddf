import { gradient } from "../autodiff/gradient.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import { head } from "./forward.ts";
import { EMBEDDING, HEAD_PATH } from "./modules.ts";
import { type OneToken, oneToken } from "./one-token.ts";
import type { ModelRewrite } from "./rewrite.ts";
import type { ServingFeatures } from "./serving-rewrite.ts";

/** What one row's deltas need of the graphs; the layout is `rows`. */
export interface PassFeatures extends ServingFeatures {
  /** Changes to the head. */
  readonly head: boolean;
  /** Changes to the embedding. */
  readonly embedding: boolean;
}

/** Of the text's own row, and of the row that judges the text. */
export interface PerturbationFeatures {
  readonly text: PassFeatures;
  readonly judge: PassFeatures;
  /** The judge is a reward model: its value is raised, where a classifier's log-probability would be. */
  readonly reward: boolean;
}

/** Comes before the names of the judge's inputs. */
export const JUDGE = "judge.";

/** Inputs of a row's changes to the head: A [D, r], B [r, V], a scale and a bias [V]. */
export const HEAD_NAMES = { a: "head.A", b: "head.B", scale: "head.s", bias: "head.b" } as const;
/** Inputs of the judge's changes to the embedding, behind its prefix: A [V, r] and B [r, D]. */
export const EMBEDDING_NAMES = { a: "embedding.A", b: "embedding.B" } as const;
/** The outputs of one layer's gradients, or of the token's own keys and values. */
export const outputNames = (kind: "gradient" | "present", layer: number) => ({
  key: `${kind}.${layer}.key`,
  value: `${kind}.${layer}.value`,
});

interface GraphOptions {
  readonly capacity: number;
  readonly features: PerturbationFeatures;
}

/**
 * The loss that a text's memory is moved down, and its gradients with respect to every layer's keys and values: Dathathri et
 * al. 2020. The text's last token is read anew with the perturbed past, which gives p̃; its mean embedding is the judge's next
 * token; and what the judge's scorer makes of the state after that is the attribute's score:
 *
 *     loss = −log p(c | (sum + state) · share) + kl_scale · KL(p̃ ‖ p)
 *
 * Inputs, besides those of `oneToken` for both rows: `embedded` [1, 1, D]; `unperturbed` [1, V], the logits of p; `kl_scale` [];
 * `sum` [1, D] and `share` []; the scorer's `scorer.weight` [D, K] and `scorer.bias` [K], divided by its temperature; `wanted`
 * [K, 1], 1 at the class c; and the names above where the features have them. Outputs: `loss` [] and `outputNames` [K, N, P].
 *
 * The paper's code judges the mean of the states of the text in the model itself. Here the judge is a row of its own, since a
 * classifier may be a tuned model, whose head knows no other model's states.
 */
export function perturbationGraph(config: ModelConfig, { capacity, features }: GraphOptions): Graph {
  const b = new GraphBuilder(nameOf("perturbation", features));
  const { text, logits } = perturbedText(b, config, { capacity, features });
  const logs = b.logSoftmax(logits);
  const probabilities = b.exp(logs);
  const judge = oneToken(b, config, { capacity, features: features.judge, prefix: JUDGE });
  const { final } = judge.run(meanEmbedding(b, config, { judge, probabilities, features }));
  const { hiddenSize, vocabSize } = config;
  const pooled = b.mul(b.add(final, b.input("sum", "f32", [1, hiddenSize])), b.input("share", "f32", []));
  const product = b.matmul(pooled, b.input("scorer.weight", "f32", [hiddenSize, "classes"]));
  const scores = b.add(product, b.input("scorer.bias", "f32", ["classes"]));
  const wanted = b.input("wanted", "f32", ["classes", 1]);
  const score = b.matmul(features.reward ? scores : b.logSoftmax(scores), wanted);
  const own = b.logSoftmax(b.input("unperturbed", "f32", [1, vocabSize]));
  const divergence = b.reduceSum(b.mul(probabilities, b.sub(logs, own)), [0, 1]);
  const loss = b.sub(b.mul(divergence, b.input("kl_scale", "f32", [])), b.reshape(score, []));
  const gradients = gradient(
    b,
    loss,
    text.past.flatMap(({ key, value }) => [key, value]),
  );
  const outputs: Record<string, Value> = { loss };
  for (const layer of text.past.keys()) {
    const names = outputNames("gradient", layer);
    outputs[names.key] = gradients[2 * layer]!;
    outputs[names.value] = gradients[2 * layer + 1]!;
  }
  return b.build(outputs);
}

/**
 * The text's last token read with the perturbed past, without gradients. Outputs: `logits` [1, V] of the token after it, and
 * `outputNames` [K, 1, P], its own keys and values.
 */
export function perturbedStepGraph(config: ModelConfig, { capacity, features }: GraphOptions): Graph {
  const b = new GraphBuilder(nameOf("perturbed-step", features));
  const { logits, own } = perturbedText(b, config, { capacity, features });
  const outputs: Record<string, Value> = { logits };
  for (const [layer, { key, value }] of own.entries()) {
    const names = outputNames("present", layer);
    outputs[names.key] = key;
    outputs[names.value] = value;
  }
  return b.build(outputs);
}

/** Names the sessions of these graphs. */
export function nameOf(kind: "perturbation" | "perturbed-step", { text, judge, reward }: PerturbationFeatures): string {
  const words = ({ factors, vectors, bottlenecks, head: ofHead, embedding }: PassFeatures) =>
    [
      factors ? "factors" : "",
      vectors ? "vectors" : "",
      bottlenecks === "none" ? "" : `bottlenecks-${bottlenecks}`,
      ofHead ? "head" : "",
      embedding ? "embedding" : "",
    ].filter((word) => word !== "");
  if (kind === "perturbed-step") return [kind, ...words({ ...text, embedding: false })].join("-");
  const ofJudge = words({ ...judge, head: false });
  return [kind, ...words({ ...text, embedding: false }), "by", ...ofJudge, ...(reward ? ["reward"] : [])].join("-");
}

function perturbedText(b: GraphBuilder, config: ModelConfig, { capacity, features }: GraphOptions) {
  const text = oneToken(b, config, { capacity, features: features.text });
  const { final, own } = text.run(b.input("embedded", "f32", [1, 1, config.hiddenSize]));
  const { weight } = text;
  const rewrite: ModelRewrite = features.text.head ? headRewrite(b, config) : {};
  return { text, own, logits: head({ b, config, weight, rewrite }, final) };
}

/** The row's changes to the head, which the decode graph leaves to the host. */
function headRewrite(b: GraphBuilder, { hiddenSize, vocabSize }: ModelConfig): ModelRewrite {
  const down = b.input(HEAD_NAMES.a, "f32", [hiddenSize, "head.rank"]);
  const up = b.input(HEAD_NAMES.b, "f32", ["head.rank", vocabSize]);
  const [scale, bias] = [HEAD_NAMES.scale, HEAD_NAMES.bias].map((name) => b.input(name, "f32", [vocabSize]));
  return {
    linear: ({ path, x }) =>
      path === HEAD_PATH ? { scale: scale!, added: [b.matmul(b.matmul(x, down), up), bias!] } : {},
  };
}

interface Expected {
  readonly judge: OneToken;
  /** [1, V] */
  readonly probabilities: Value;
  readonly features: PerturbationFeatures;
}

/** [1, 1, D]: the mean of what the judge embeds tokens as. */
function meanEmbedding(b: GraphBuilder, config: ModelConfig, { judge, probabilities, features }: Expected): Value {
  const { hiddenSize, vocabSize } = config;
  const rank = `${JUDGE}embedding.rank`;
  const mean = b.matmul(probabilities, judge.weight(EMBEDDING));
  const added = () => {
    const down = b.matmul(probabilities, b.input(`${JUDGE}${EMBEDDING_NAMES.a}`, "f32", [vocabSize, rank]));
    return b.matmul(down, b.input(`${JUDGE}${EMBEDDING_NAMES.b}`, "f32", [rank, hiddenSize]));
  };
  return b.reshape(features.judge.embedding ? b.add(mean, added()) : mean, [1, 1, hiddenSize]);
}
