import { describe, expect, it } from "vitest";
import { gradient } from "../../../shared/autodiff/gradient.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount, f32, i64, scalar, type Tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { targetInputs } from "../../../trainer/losses/cross-entropy.ts";
import { chunkRows, tokenScores, type WantedScores } from "../../../trainer/losses/token-scores.ts";
import { GOLDEN_MODELS, goldenOutputs } from "../../shared/model/golden-models.ts";
import { forwardOfLogits } from "../../support/forward-of-logits.ts";
import { goldenFeeds } from "../golden-llama.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const [B, T, D, V] = [3, 8, 6, 20];
const random = createRandom(5, "token scores");
const tensorOf = (shape: readonly number[], scale = 1) =>
  f32(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => scale * random.normal()),
  );
const WEIGHTS = Array.from({ length: B * T }, (_, at) => (at % 3 === 1 ? 1 : 0));
const FEEDS: Record<string, Tensor> = {
  hidden: tensorOf([B, T, D]),
  matrix: tensorOf([V, D]),
  mix: tensorOf([B, T]),
  targets: i64(
    [B, T],
    Array.from({ length: B * T }, (_, at) => (7 * at) % V),
  ),
  weights: f32([B, T], WEIGHTS),
  labelled: i64(
    [11],
    [...WEIGHTS.keys()]
      .filter((at) => WEIGHTS[at] === 1)
      .concat(0, 0, 0)
      .slice(0, 11),
  ),
};

interface Case {
  readonly isTrained: boolean;
  readonly labelled?: boolean;
  readonly most?: number | undefined;
  readonly wanted?: WantedScores;
}

/** A loss that mixes everything, with its gradients. */
async function compute({ isTrained, labelled = false, most, wanted = { hits: true, entropy: "trained" } }: Case) {
  const b = new GraphBuilder("scores");
  const [hidden, matrix, mix] = ["hidden", "matrix", "mix"].map((name) => b.input(name, "f32", FEEDS[name]!.shape));
  const inputs = targetInputs(b, B, T);
  const logits = (x: Value) => {
    const [n] = x.shape as [number];
    return b.matmul(b.reshape(x, [1, n, D]), matrix!, { transB: true });
  };
  const scores = tokenScores(
    b,
    {
      ...{ hidden: hidden!, training: true, targets: inputs, wanted },
      head: { vocabulary: V, logits, ...(isTrained ? {} : { matrix: matrix! }) },
      labelled: labelled ? b.input("labelled", "i64", [11]) : undefined,
    },
    most,
  );
  const terms = [b.mul(scores.logProbabilities, mix!), b.mul(scores.entropy!, b.mul(mix!, 0.3))];
  return finish(b, { terms, wrt: isTrained ? [hidden!, matrix!] : [hidden!], hits: scores.hits! });
}

/** The same from whole logits. */
async function reference(isTrained: boolean, { temperature = 1 }: WantedScores = {}) {
  const b = new GraphBuilder("reference");
  const [hidden, matrix, mix] = ["hidden", "matrix", "mix"].map((name) => b.input(name, "f32", FEEDS[name]!.shape));
  const { targets, weights } = targetInputs(b, B, T);
  const raw = b.reshape(b.matmul(hidden!, matrix!, { transB: true }), [B * T, V]);
  const logits = b.mul(raw, 1 / temperature);
  const logs = b.logSoftmax(logits);
  const column = b.reshape(targets, [B * T, 1]);
  const picked = b.mul(b.reshape(b.gatherElements(logs, column), [B, T]), weights);
  const entropy = b.mul(b.reshape(b.neg(b.reduceSum(b.mul(b.exp(logs), logs), [1])), [B, T]), weights);
  const best = b.cast(b.equal(b.gatherElements(logits, column), b.reduceMax(logits, [1], true)), "f32");
  const terms = [b.mul(picked, mix!), b.mul(entropy, b.mul(mix!, 0.3))];
  return finish(b, {
    terms,
    wrt: isTrained ? [hidden!, matrix!] : [hidden!],
    hits: b.mul(b.reshape(best, [B, T]), weights),
  });
}

async function finish(b: GraphBuilder, of: { terms: readonly Value[]; wrt: readonly Value[]; hits: Value }) {
  const loss = of.terms.map((term) => b.reduceSum(term, [0, 1])).reduce((sum, term) => b.add(sum, term));
  const slopes = Object.fromEntries(gradient(b, loss, of.wrt).map((slope, i) => [`slope${i}`, slope]));
  const graph = b.build({ loss, hits: of.hits, ...slopes });
  const program = await executor.compile(graph);
  const feeds = { ...FEEDS, total: f32([], [8]) } as Record<string, Tensor>;
  const outputs = await program.run(Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]!])));
  await program.dispose();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data, Number)]));
}

describe("tokenScores", () => {
  const cases = [false, true].flatMap((isTrained) =>
    [false, true].flatMap((labelled) => [undefined, 60, 1].map((most) => ({ isTrained, labelled, most }))),
  );

  it.each(cases)("is what whole logits give, with its gradients: %j", async (one) => {
    for (const temperature of one.most === 60 ? [1, 0.7] : [0.7]) {
      const wanted = { hits: true, entropy: "trained", temperature } as const;
      const got = await compute({ ...one, wanted });
      const expected = await reference(one.isTrained, wanted);
      expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, numbers] of Object.entries(expected)) {
        const size = Math.max(...numbers.map(Math.abs)) || 1;
        const worst = Math.max(...numbers.map((value, i) => Math.abs(value - got[name]![i]!)));
        expect(worst / size, name).toBeLessThan(2e-6);
      }
    }
  });
});

describe("chunkRows", () => {
  it("covers all rows in nearly equal parts, none of a single row", () => {
    expect(chunkRows(10, 4, 100)).toEqual([[0, 10]]);
    expect(chunkRows(10, 50, 100)).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
      [6, 8],
      [8, 10],
    ]);
    expect(chunkRows(7, 50, 1)).toEqual([
      [0, 2],
      [2, 4],
      [4, 7],
    ]);
    expect(chunkRows(1, 50, 1)).toEqual([[0, 1]]);
  });
});

/** The share of the step's trained tokens that rank first. */
function accuracy(b: GraphBuilder, logits: Value): Value {
  const [rows, tokens] = logits.shape as [number, number, number];
  const inputs = targetInputs(b, rows, tokens);
  const { head } = forwardOfLogits(b, logits);
  const { hits } = tokenScores(b, { hidden: logits, head, targets: inputs, training: false, wanted: { hits: true } });
  return b.div(b.reduceSum(hits!, [0, 1]), inputs.total);
}

/** Two rows of two tokens over three words. */
const LOGITS = [2, 0, 1, 0, 0, 0, -1, 5, 3, 100, 0, -100];
const TARGETS = [0, 2, 1, 2];

describe("hits", () => {
  const accuracyOf = async (logits: readonly number[], weights: readonly number[], total: number) => {
    const b = new GraphBuilder("accuracy");
    const value = accuracy(b, b.input("logits", "f32", [2, 2, 3]));
    const program = await executor.compile(b.build({ value }));
    const feeds = { targets: i64([2, 2], TARGETS), weights: f32([2, 2], weights), total: scalar("f32", total) };
    const outputs = await program.run({ logits: f32([2, 2, 3], logits), ...feeds });
    await program.dispose();
    return Number(outputs.value!.data[0]);
  };
  /** No two equal: the first and the third target rank first, the second and the fourth do not. */
  const RANKED = [2, 0, 1, 0.5, 0, 0.25, -1, 5, 3, 100, 0, -100];

  it("is the share of trained tokens that rank first, by hand", async () => {
    expect(await accuracyOf(RANKED, [1, 1, 1, 1], 4)).toBe(0.5);
    expect(await accuracyOf(RANKED, [1, 1, 1, 0], 3)).toBeCloseTo(2 / 3, 6);
    expect(await accuracyOf(RANKED, [0, 1, 0, 1], 2)).toBe(0);
    expect(await accuracyOf(RANKED, [0, 0, 0, 0], 7)).toBe(0);
  });

  it("adds up over micro-batches that share the step's total", async () => {
    const parts = [await accuracyOf(RANKED, [1, 1, 0, 0], 4), await accuracyOf(RANKED, [0, 0, 1, 1], 4)];
    expect(parts).toEqual([0.25, 0.25]);
  });

  it("counts a target that shares the largest logit", async () => {
    expect(await accuracyOf(LOGITS, [0, 1, 0, 0], 1)).toBe(1);
  });

  it("agrees with an argmax of transformers' logits", async () => {
    for (const name of GOLDEN_MODELS) {
      const golden = goldenOutputs(name);
      const { targets, weights, total } = goldenFeeds(golden);
      const { shape, data } = golden.logits;
      const vocabulary = shape[2]!;
      let hits = 0;
      for (const [at, weight] of (weights!.data as Float32Array).entries()) {
        const row = data.slice(at * vocabulary, (at + 1) * vocabulary);
        const best = row.reduce((found, value, index) => (value > row[found]! ? index : found), 0);
        if (best === Number(targets!.data[at])) hits += weight;
      }
      const b = new GraphBuilder("accuracy");
      const value = accuracy(b, b.input("logits", "f32", shape));
      const program = await executor.compile(b.build({ value }));
      const outputs = await program.run({
        logits: f32(shape, data),
        targets: targets!,
        weights: weights!,
        total: total!,
      });
      await program.dispose();
      expect(Number(outputs.value!.data[0])).toBeCloseTo(hits / Number(total!.data[0]), 6);
    }
  });
});
