/**
 * What a loss reads of the model's predictions, without the logits of a whole batch: they are computed for the labelled positions
 * alone, some rows at a time, and none outlive their rows.
 *
 * The gradient must not need them again. Where nothing that is trained changes the head's matrix W [V, D], it needs only one vector a
 * position, which is made with the prediction while its row is there (the idea of Liger's and of cut cross-entropy, for any loss of
 * log-probabilities): with z = hW, p = softmax(z), target y and entropy H,
 *
 *     ∂ log p_y / ∂h = W_y − pW,     ∂H / ∂h = −(p ⊙ (log p + H)) W
 *
 * A head that is trained computes its rows a second time on the way back (`GraphBuilder.recomputed`).
 */
import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import { i64 } from "../../shared/tensor.ts";
import type { Targets } from "./cross-entropy.ts";

/** Numbers of logits that are in memory at once, 16 MiB of them. */
const CHUNK = 1 << 22;

export interface Head {
  /** Logits [1, n, V] of states x [n, D], which are those at the places [n] i64 of the flattened [B, T]. */
  readonly logits: (x: Value, at: Value) => Value;
  /** V */
  readonly vocabulary: number;
  /** W [V, D], where the logits are xWᵀ and nothing of them is trained; absent: the head is trained or adapted. */
  readonly matrix?: Value | undefined;
}

export interface ScoreOptions {
  /** States before the head [B, T, D]. */
  readonly hidden: Value;
  readonly head: Head;
  readonly targets: Targets;
  /** The places of the labelled positions in the flattened [B, T], [N] i64; every position by default. */
  readonly labelled?: Value | undefined;
  /** Whether a loss of the scores is differentiated. */
  readonly training: boolean;
  readonly wanted: WantedScores;
}

export interface WantedScores {
  /** What logits are divided by; 1 by default. */
  readonly temperature?: number;
  readonly hits?: boolean;
  /** `trained`: a loss has it. */
  readonly entropy?: "measured" | "trained";
}

/** Each [B, T], 0 where nothing is trained. */
export interface TokenScores {
  /** log p(target) */
  readonly logProbabilities: Value;
  /** 1 where no logit is larger than the target's. Has no gradient. */
  readonly hits: Value | undefined;
  /** −Σ p log p */
  readonly entropy: Value | undefined;
}

/** Rows of a chunk, of N in all: nearly equal, and never one alone, which kernels would add up in another order. */
export function chunkRows(rows: number, vocabulary: number, most = CHUNK): readonly (readonly [number, number])[] {
  const count = Math.min(Math.ceil((rows * vocabulary) / most), Math.max(1, Math.floor(rows / 2)));
  const bound = (at: number) => Math.floor((at * rows) / count);
  return Array.from({ length: count }, (_, chunk) => [bound(chunk), bound(chunk + 1)] as const);
}

export function tokenScores(b: GraphBuilder, options: ScoreOptions, most = CHUNK): TokenScores {
  const { hidden, head, labelled, targets: inputs, wanted } = options;
  const [rows, tokens, width] = hidden.shape as [number, number, number];
  const places =
    labelled ??
    b.constant(
      i64(
        [rows * tokens],
        Array.from({ length: rows * tokens }, (_, at) => at),
      ),
    );
  const [count] = places.shape as [number];
  const flat = b.reshape(hidden, [rows * tokens, width]);
  const states = labelled === undefined ? flat : b.gather(flat, places);
  const targets = b.gather(b.reshape(inputs.targets, [rows * tokens]), places);
  const chunks = chunkRows(count, head.vocabulary, most);
  const parts: Partial<Record<keyof TokenScores, Value>>[] = [];
  let after: Value | undefined;
  for (const [from, to] of chunks) {
    const slice = (x: Value) => (chunks.length === 1 ? x : b.slice(x, 0, from, to));
    const x = after === undefined ? slice(states) : b.add(slice(states), after);
    const part = scoresOfRows(b, {
      ...options,
      x,
      at: slice(places),
      target: b.reshape(slice(targets), [to - from, 1]),
    });
    parts.push(part);
    // The next rows begin when these are done, whatever order an executor would choose: their logits must be gone by then.
    after = zeroAfter(b, Object.values(part));
  }
  /** [B, T] of the chunks' [n, 1]. */
  const whole = (name: keyof TokenScores): Value => {
    const columns = parts.map((part) => part[name]!);
    const joined = columns.length === 1 ? columns[0]! : b.concat(columns, 0);
    // Places that only fill up an input are not trained, so they add 0 to whatever position they name.
    const weighted = b.mul(joined, b.reshape(b.gather(b.reshape(inputs.weights, [rows * tokens]), places), [count, 1]));
    const placed = labelled === undefined ? weighted : b.scatterAddRows(places, weighted, rows * tokens);
    return b.reshape(placed, [rows, tokens]);
  };
  return {
    logProbabilities: whole("logProbabilities"),
    hits: wanted.hits === true ? whole("hits") : undefined,
    entropy: wanted.entropy === undefined ? undefined : whole("entropy"),
  };
}

interface RowOptions extends ScoreOptions {
  /** [n, D] */
  readonly x: Value;
  /** [n] */
  readonly at: Value;
  /** [n, 1] */
  readonly target: Value;
}

type RowScores = Partial<Record<keyof TokenScores, Value>>;

function scoresOfRows(b: GraphBuilder, options: RowOptions): RowScores {
  const { x, head, training, target } = options;
  if (!training) return scoresOf(b, x, options).scores;
  const { matrix } = head;
  if (matrix === undefined) {
    const names: (keyof TokenScores)[] = [];
    const values = b.recomputed([x], ([again]) => {
      const { scores } = scoresOf(b, again!, options);
      names.push(...(Object.keys(scores) as (keyof TokenScores)[]));
      return Object.values(scores);
    });
    return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  }
  const fixed = b.detach(x);
  const { scores, logs } = scoresOf(b, fixed, options);
  const { temperature = 1, entropy } = options.wanted;
  const zero = b.sub(x, fixed);
  /** The same number, with that gradient by x: what is added is 0 exactly. */
  const withGradient = (value: Value, byState: Value) => {
    const scaled = temperature === 1 ? byState : b.mul(byState, 1 / temperature);
    return b.add(value, b.reduceSum(b.mul(zero, scaled), [1], true));
  };
  const p = b.exp(logs);
  const [rows] = target.shape as [number];
  const own = b.gather(matrix, b.reshape(target, [rows]));
  const trained: RowScores = {
    ...scores,
    logProbabilities: withGradient(scores.logProbabilities!, b.sub(own, b.matmul(p, matrix))),
  };
  if (entropy !== "trained") return trained;
  const weighted = b.neg(b.mul(p, b.add(logs, scores.entropy!)));
  return { ...trained, entropy: withGradient(scores.entropy!, b.matmul(weighted, matrix)) };
}

/** The scores of rows [n, 1], and the log-probabilities [n, V] of everything. */
function scoresOf(
  b: GraphBuilder,
  x: Value,
  { head, at, target, wanted }: RowOptions,
): { scores: RowScores; logs: Value } {
  const { temperature = 1 } = wanted;
  const raw = head.logits(x, at);
  // Before anything else: onnxruntime joins the factor with the product, here as where texts are sampled, to the same bits.
  const scaled = temperature === 1 ? raw : b.mul(raw, 1 / temperature);
  const logits = b.reshape(scaled, [target.shape[0]!, head.vocabulary]);
  const logs = b.logSoftmax(logits);
  const scores: RowScores = { logProbabilities: b.gatherElements(logs, target) };
  if (wanted.hits === true) {
    const fixed = b.detach(logits);
    // The largest logit is compared with the target's instead of taking an argmax: one pass over the logits.
    scores.hits = b.cast(b.equal(b.gatherElements(fixed, target), b.reduceMax(fixed, [1], true)), "f32");
  }
  if (wanted.entropy !== undefined) {
    const values = wanted.entropy === "trained" ? logs : b.detach(logs);
    scores.entropy = b.neg(b.reduceSum(b.mul(b.exp(values), values), [1], true));
  }
  return { scores, logs };
}

/** A scalar 0 that is known only once all the values are. */
function zeroAfter(b: GraphBuilder, values: readonly Value[]): Value {
  const sum = values.map((value) => b.firstElement(value)).reduce((total, one) => b.add(total, one));
  return b.mul(b.detach(sum), 0);
}
