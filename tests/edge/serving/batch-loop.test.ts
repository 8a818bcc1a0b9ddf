import { describe, expect, it } from "vitest";
import { BARE, type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { type BatchJob, BatchLoop } from "../../../edge/serving/batch-loop.ts";
import type { GenerateEvent } from "../../../shared/decode/events.ts";
import { Sequence } from "../../../shared/decode/sequence.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { createRandom } from "../../../shared/random.ts";
import {
  oracleLogits,
  PARTS,
  type Part,
  randomDelta,
  rowOf,
  TINY,
  type TinyOptions,
  tinyParts,
} from "../runtime/tiny-model.ts";

interface Wish {
  readonly prompt: number[];
  readonly maxTokens: number;
  readonly seed?: number;
  readonly temperature?: number;
  readonly deltas?: RowDeltas;
  readonly weights?: WeightSet;
}

async function parts(options: TinyOptions = {}) {
  const tiny = await tinyParts(options);
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  return { ...tiny, loop: new BatchLoop({ ...tiny, chunk: 4, turn }) };
}

interface Asked {
  readonly job: BatchJob;
  /** Resolves at the first event. */
  readonly started: Promise<void>;
  readonly done: Promise<number[]>;
}

/** Submits a wish; the promise gives the generated token ids, or throws what settled the job. */
function ask(loop: BatchLoop, weights: WeightSet, wish: Wish): Asked {
  const random = createRandom(wish.seed ?? 1);
  const sampling = {
    temperature: wish.temperature ?? 1,
    topP: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    logitBias: [],
  };
  const tokens: number[] = [];
  const sequence = new Sequence({
    choice: 0,
    prompt: wish.prompt,
    sampling,
    maxTokens: wish.maxTokens,
    stop: [],
    endTokens: new Set(),
    topLogprobs: 0,
    uniform: () => random.float(),
    decoder: { push: () => "", flush: () => "" },
    describe: (token) => ({ token: String(token), bytes: [] }),
  });
  const { promise: done, resolve, reject } = Promise.withResolvers<number[]>();
  const { promise: started, resolve: start } = Promise.withResolvers<void>();
  const emit = (event: GenerateEvent) => {
    start();
    if (event.type === "token") tokens.push(...(event.logprobs ?? []).map(({ token }) => Number(token)));
  };
  const job: BatchJob = {
    sequences: [sequence],
    weights: wish.weights ?? weights,
    deltas: wish.deltas ?? BARE,
    emit,
    settle: (error) => (error === undefined ? resolve(tokens) : reject(error)),
  };
  loop.submit(job);
  return { job, started, done };
}

const prompt = (length: number, from: number) => Array.from({ length }, (_, i) => (from + 7 * i) % TINY.vocabSize);

const made = (key: string, kinds: readonly Part[], sizes = {}) => servingDelta(key, randomDelta(key, kinds, sizes));

/** The same tokens together as alone, in whatever order they are asked for. */
async function expectAsAlone(loop: BatchLoop, weights: WeightSet, wishes: readonly Wish[]): Promise<void> {
  const alone: number[][] = [];
  for (const wish of wishes) alone.push(await ask(loop, weights, wish).done);
  expect(new Set(alone.map(String)).size).toBe(wishes.length);
  for (const order of [wishes, wishes.toReversed()]) {
    const together = await Promise.all(order.map((wish) => ask(loop, weights, wish).done));
    expect(together).toEqual(order.map((wish) => alone[wishes.indexOf(wish)]));
  }
  expect([loop.activeRows, loop.waitingRows]).toEqual([0, 0]);
}

describe("BatchLoop", () => {
  it("gives every request the tokens that it gets alone, whatever rides beside it", async () => {
    const { ort, loop, weights } = await parts({ slots: 4 });
    const tuned = new WeightSet(ort, initialWeights(TINY, 8));
    const [a, b] = [made("a", ["factors"]), made("bb", ["factors"], { rank: 6 })];
    await expectAsAlone(loop, weights, [
      { prompt: prompt(3, 1), maxTokens: 12, seed: 1 },
      { prompt: prompt(17, 5), maxTokens: 7, seed: 2, deltas: rowDeltas([{ delta: a, weight: 1 }]) },
      { prompt: prompt(1, 9), maxTokens: 20, seed: 3, weights: tuned },
      { prompt: prompt(9, 2), maxTokens: 5, seed: 4, deltas: rowDeltas([{ delta: b, weight: -0.5 }]) },
      {
        prompt: prompt(6, 3),
        maxTokens: 9,
        seed: 5,
        deltas: rowDeltas([a, b].map((delta) => ({ delta, weight: 0.8 }))),
      },
      { prompt: prompt(11, 4), maxTokens: 3, seed: 6 },
    ]);
  });

  it("serves every method in one batch, rows coming, going and moving in the middle", async () => {
    const { loop, weights } = await parts({ slots: 5, ranks: 24 });
    const kinds: Part[][] = [...PARTS.map((part) => [part]), [], [...PARTS], ["factors", "prefix", "scales"]];
    const wishes = kinds.map((of, i): Wish => {
      const deltas =
        of.length === 0 ? BARE : rowOf(`delta ${i}`, randomDelta(`delta ${i}`, of, { positions: 1 + (i % 6) }));
      return { prompt: prompt(2 + ((5 * i) % 13), i), maxTokens: 3 + ((7 * i) % 11), seed: i, deltas };
    });
    await expectAsAlone(loop, weights, wishes);
  });

  it("generates what the training graph finds likeliest, behind a prefix and virtual tokens", async () => {
    const { ort, loop, weights } = await parts();
    const delta = randomDelta("lead", ["prompt", "prefix", "factors"], { positions: 5 });
    const text = prompt(7, 3);
    const wish = { prompt: text, maxTokens: 12, temperature: 0, deltas: rowOf("lead", delta) };
    const tokens = await ask(loop, weights, wish).done;
    const logits = oracleLogits(ort, weights, { delta, tokens: [...text, ...tokens] });
    const likeliest = tokens.map((_, i) => {
      const at = (text.length - 1 + i) * TINY.vocabSize;
      const after = logits.slice(at, at + TINY.vocabSize);
      return after.indexOf(Math.max(...after));
    });
    expect(tokens).toEqual(likeliest);
    expect(new Set(tokens).size).toBeGreaterThan(2);
  });

  it("counts what stands before the text as positions, and not as tokens", async () => {
    const { loop, weights, slab } = await parts();
    const deltas = rowOf("lead", randomDelta("lead", ["prompt", "prefix"], { positions: 5 }));
    const tokens = await ask(loop, weights, { prompt: prompt(4, 1), maxTokens: slab.capacity - 14, deltas }).done;
    expect(tokens).toHaveLength(50);
  });

  it("admits more requests than it has slots as slots become free", async () => {
    const { loop, weights } = await parts({ slots: 2 });
    const results = await Promise.all(
      Array.from({ length: 7 }, (_, i) => ask(loop, weights, { prompt: prompt(5, i), maxTokens: 3 + i }).done),
    );
    expect(results.map((tokens) => tokens.length)).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });

  it("waits until the deltas in use leave room, and refuses what never fits", async () => {
    const { loop, weights, arena } = await parts({ ranks: 8 });
    const wish = (key: string, rank: number, kinds: Part[] = ["factors"]) => {
      const deltas = rowOf(key, randomDelta(key, kinds, { rank, columns: 40 }));
      return ask(loop, weights, { prompt: prompt(4, 1), maxTokens: 4, deltas }).done;
    };
    const results = await Promise.allSettled([
      wish("a", 7),
      wish("bb", 7),
      wish("c", 13),
      wish("dd", 2),
      wish("eeee", 8, ["factors", "bottlenecks"]),
    ]);
    const wanted = ["fulfilled", "fulfilled", "rejected", "fulfilled", "rejected"];
    expect(results.map(({ status }) => status)).toEqual(wanted);
    const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    const refusal = (message: string) => expect.objectContaining({ code: "invalid_request", param: "deltas", message });
    expect(reasons).toEqual([
      refusal(
        "the request's deltas have a rank of 13 together, but this model serves at most a rank of 8 on every layer",
      ),
      refusal(
        "the request's deltas have a rank of 8 and 40 bottleneck columns together, " +
          "but this model serves at most a rank of 8 or 27 bottleneck columns on every layer",
      ),
    ]);
    expect(arena.fits([rowOf("all", randomDelta("all", ["factors"], { rank: 8 }))])).toBe(true);
  });

  it.each(["finishes", "is cancelled"])("leaves nothing of the last row when it %s", async (how) => {
    const { ort, loop, weights } = await parts();
    const mark = 12_345.5;
    const delta = randomDelta("marked", ["factors", "biases", "prefix"], { size: 0 });
    for (const { b } of delta.linears.values()) b?.data.fill(mark);
    for (const { value } of delta.prefix!) value.data.fill(mark);
    const inHeap = () => new Float32Array(ort.buffer).includes(mark);
    const asked = ask(loop, weights, { prompt: prompt(4, 1), maxTokens: 8, deltas: rowOf("marked", delta) });
    await asked.started;
    expect(inHeap()).toBe(true);
    if (how === "is cancelled") loop.cancel(asked.job);
    await asked.done;
    // The loop ends a turn after its last row.
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setTimeout(resolve, 0));
    expect(inHeap()).toBe(false);
  });

  it("leaves nothing of a row whose slot another row takes", async () => {
    const { ort, loop, weights } = await parts({ slots: 2 });
    const mark = 12_345.5;
    const delta = randomDelta("marked", ["prefix"], { positions: 12 });
    for (const { value } of delta.prefix!) value.data.fill(mark);
    const inHeap = () => new Float32Array(ort.buffer).includes(mark);
    const first = ask(loop, weights, { prompt: prompt(4, 1), maxTokens: 6, deltas: rowOf("marked", delta) });
    const other = ask(loop, weights, { prompt: prompt(2, 2), maxTokens: 40 });
    await other.started;
    expect([loop.activeRows, inHeap()]).toEqual([2, true]);
    await first.done;
    expect(loop.activeRows).toBe(1);
    expect(inHeap()).toBe(false);
    await other.done;
  });

  it("takes a cancelled request out and goes on with the others", async () => {
    const { loop, weights } = await parts({ slots: 3 });
    const wish = { prompt: prompt(4, 2), maxTokens: 15, seed: 8 };
    const expected = await ask(loop, weights, wish).done;
    const first = ask(loop, weights, { prompt: prompt(4, 1), maxTokens: 50 });
    const other = ask(loop, weights, wish);
    const last = ask(loop, weights, { prompt: prompt(8, 1), maxTokens: 50 });
    while (loop.activeRows < 3) await new Promise((resolve) => setTimeout(resolve, 0));
    loop.cancel(first.job);
    loop.cancel(last.job);
    expect((await first.done).length).toBeLessThan(50);
    expect((await last.done).length).toBeLessThan(50);
    expect(await other.done).toEqual(expected);
    expect(loop.activeRows).toBe(0);
  });

  it.each(["before", "behind"])("ends only the request whose delta overflows, %s another", async (place) => {
    const { loop, weights } = await parts();
    const wish = { prompt: prompt(4, 2), maxTokens: 12, seed: 8 };
    const expected = await ask(loop, weights, wish).done;
    const huge = {
      prompt: prompt(9, 1),
      maxTokens: 4,
      deltas: rowOf("huge", randomDelta("huge", ["factors"], { size: 3e38 })),
    };
    const asked = (place === "before" ? [huge, wish] : [wish, huge]).map((one) => ask(loop, weights, one).done);
    const results = await Promise.allSettled(asked);
    const [bad, good] = place === "before" ? results : results.toReversed();
    expect(bad).toMatchObject({ status: "rejected", reason: { code: "non_finite" } });
    expect(good).toEqual({ status: "fulfilled", value: expected });
  });
});
