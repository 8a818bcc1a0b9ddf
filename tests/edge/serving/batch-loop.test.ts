import { describe, expect, it } from "vitest";
import { BARE, type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { BatchLoop, type BatchLoopOptions } from "../../../edge/serving/batch-loop.ts";
import type { BatchRequest, Generation, RequestEnd } from "../../../edge/serving/generation.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import type { GenerateEvent } from "../../../shared/decode/events.ts";
import { LEADER } from "../../../shared/decode/processor.ts";
import { decodeSettings } from "../../../shared/decode/registry.ts";
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
  readonly tenant?: string;
  readonly prompt: number[];
  readonly maxTokens: number;
  readonly seed?: number;
  readonly temperature?: number;
  readonly deltas?: RowDeltas;
  readonly weights?: WeightSet;
  /** Other rows of the generation. */
  readonly companions?: readonly Pick<Wish, "prompt" | "deltas" | "weights">[];
  /** How many generations of the same prompt. */
  readonly n?: number;
}

async function parts(options: TinyOptions & Pick<BatchLoopOptions, "quota" | "keepPrompts" | "pausedBytes"> = {}) {
  const tiny = await tinyParts(options);
  const { quota = tiny.slab.slots, keepPrompts = false, pausedBytes = 0 } = options;
  return { ...tiny, loop: new BatchLoop({ ...tiny, chunk: 4, quota, keepPrompts, pausedBytes, yieldToEventLoop }) };
}

interface Asked {
  readonly request: BatchRequest;
  /** Resolves at the first event. */
  readonly started: Promise<void>;
  /** The tokens of the first generation. */
  readonly done: Promise<number[]>;
  /** The tokens of each generation, as they come. */
  readonly tokens: number[][];
  readonly end: Promise<RequestEnd>;
}

let keys = 0;
const KEYS = new WeakMap<object, string>();
/** A name for an object, always the same. */
function keyOf(object: object): string {
  const key = KEYS.get(object) ?? String(keys++);
  KEYS.set(object, key);
  return key;
}

/** Submits a wish; `done` gives the generated token ids, or throws what settled the request. */
function ask(loop: BatchLoop, weights: WeightSet, wish: Wish): Asked {
  const { tenant = "acme", n = 1 } = wish;
  const settings = decodeSettings({ temperature: wish.temperature ?? 1, topP: 1 });
  const tokens = Array.from({ length: n }, () => [] as number[]);
  const row = (role: string, of: Pick<Wish, "prompt" | "deltas" | "weights">) => {
    const own = { weights: of.weights ?? weights, deltas: of.deltas ?? BARE };
    return { role, prompt: of.prompt, ...own, stateKey: [tenant, keyOf(own.weights), keyOf(own.deltas)].join() };
  };
  const generations = tokens.map((_, choice): Generation => {
    const random = createRandom(wish.seed ?? 1, choice);
    const sequence = new Sequence({
      choice,
      settings,
      maxTokens: wish.maxTokens,
      stop: [],
      endTokens: new Set(),
      topLogprobs: 0,
      uniform: () => random.float(),
      decoder: { push: () => "", flush: () => "" },
      describe: (token) => ({ token: String(token), bytes: [] }),
    });
    const companions = (wish.companions ?? []).map((of, i) => row(`companion ${i}`, of));
    return { rows: [row(LEADER, wish), ...companions], sequence };
  });
  const { promise: end, resolve, reject } = Promise.withResolvers<RequestEnd>();
  const { promise: started, resolve: start } = Promise.withResolvers<void>();
  const emit = (event: GenerateEvent) => {
    start();
    if (event.type !== "token") return;
    tokens[event.choice]!.push(...(event.logprobs ?? []).map(({ token }) => Number(token)));
  };
  const settle = (ended: RequestEnd) => (ended.error === undefined ? resolve(ended) : reject(ended.error));
  const request: BatchRequest = { tenant, generations, emit, settle };
  loop.submit(request);
  return { request, started, done: end.then(() => tokens[0]!), tokens, end };
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
    if (how === "is cancelled") loop.cancel(asked.request);
    await asked.done;
    // The loop ends when it has let other tasks run after its last row.
    for (let n = 0; n < 6; n++) await yieldToEventLoop();
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
    loop.cancel(first.request);
    loop.cancel(last.request);
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

  it("prefills the prompt of n choices once", async () => {
    const { loop, weights } = await parts({ slots: 6, keepPrompts: true });
    const wish = { prompt: prompt(22, 3), maxTokens: 6, seed: 5, n: 8 };
    const asked = ask(loop, weights, wish);
    await asked.done;
    expect(loop.counts.prefilledPositions).toBe(22);
    expect(new Set(asked.tokens.map(String)).size).toBeGreaterThan(6);
    // The same streams alone, without anybody to share with.
    const { loop: plain, weights: same } = await parts({ slots: 1 });
    for (const [choice, tokens] of asked.tokens.slice(0, 3).entries()) {
      const again = ask(plain, same, { ...wish, n: choice + 1 });
      await again.done;
      expect(again.tokens[choice]).toEqual(tokens);
    }
  });

  it("shares a prefix only between rows with equal weights, deltas and tenant", async () => {
    const { ort, loop, weights } = await parts({ slots: 6, keepPrompts: true });
    const tuned = new WeightSet(ort, initialWeights(TINY, 8));
    const deltas = rowOf("a", randomDelta("a", ["factors"]));
    const wish = { prompt: prompt(12, 3), maxTokens: 4, seed: 5 };
    const others: Wish[] = [
      { ...wish, deltas },
      { ...wish, weights: tuned },
      { ...wish, tenant: "other" },
    ];
    for (const one of [wish, ...others]) await ask(loop, weights, one).done;
    expect(loop.counts.prefilledPositions).toBe(4 * 12);
    for (const one of others) await ask(loop, weights, one).done;
    expect(loop.counts.prefilledPositions).toBe(4 * 12);
  });

  it("gives a request with a cached prefix what it gives it cold, bit for bit, for every kind of delta", async () => {
    const kinds: Part[][] = [[], ["factors"], ["prompt"], ["prefix"], [...PARTS]];
    for (const [i, of] of kinds.entries()) {
      const deltas = of.length === 0 ? BARE : rowOf(`d${i}`, randomDelta(`d${i}`, of, { positions: 3 }));
      const first = { prompt: prompt(11, i), maxTokens: 3, deltas };
      const follow = { prompt: [...first.prompt, ...prompt(9, 40 + i)], maxTokens: 9, seed: 2, deltas };
      const cold = await parts({ slots: 3 });
      const expected = await ask(cold.loop, cold.weights, follow).done;
      const warm = await parts({ slots: 3, keepPrompts: true });
      await ask(warm.loop, warm.weights, first).done;
      const before = warm.loop.counts.prefilledPositions;
      const asked = ask(warm.loop, warm.weights, follow);
      expect(await asked.done).toEqual(expected);
      // Chunks of 4 positions after the prefix: of the first prompt as many whole ones as it has.
      const { virtualTokens } = deltas;
      const shared = Math.floor((virtualTokens + 11) / 4) * 4;
      expect(warm.loop.counts.prefilledPositions - before).toBe(virtualTokens + 20 - shared);
      expect(await asked.end).toEqual({ cachedTokens: shared - virtualTokens, steeringTokens: 0 });
    }
  });

  it("keeps prompts while there are free slots, and gives every slot to rows that need it", async () => {
    const { loop, weights } = await parts({ slots: 4, keepPrompts: true });
    for (let i = 0; i < 6; i++) await ask(loop, weights, { prompt: prompt(8, i), maxTokens: 3 }).done;
    expect(loop.cachedPrompts).toBe(4);
    const before = loop.counts.prefilledPositions;
    const wishes = Array.from({ length: 9 }, (_, i) => ({ prompt: prompt(8, 20 + i), maxTokens: 4, seed: i }));
    const together = await Promise.all(wishes.map((wish) => ask(loop, weights, wish).done));
    expect(loop.counts.prefilledPositions - before).toBe(9 * 8);
    const fresh = await parts({ slots: 1 });
    for (const [i, wish] of wishes.entries())
      expect(await ask(fresh.loop, fresh.weights, wish).done).toEqual(together[i]);
  });

  it("does not wait for a source that leaves", async () => {
    const { loop, weights } = await parts({ slots: 3 });
    const wish = { prompt: prompt(30, 2), maxTokens: 5, seed: 3 };
    const expected = await ask(loop, weights, wish).done;
    const source = ask(loop, weights, { ...wish, seed: 1 });
    const other = ask(loop, weights, wish);
    // The source has some chunks of its prompt, and the other none.
    await yieldToEventLoop();
    loop.cancel(source.request);
    expect(await other.done).toEqual(expected);
  });

  it("decodes the rows of a generation in step, each with its own prompt, deltas and weights", async () => {
    const { ort, loop, weights } = await parts({ slots: 5 });
    const tuned = new WeightSet(ort, initialWeights(TINY, 8));
    const delta = randomDelta("lead", ["prompt", "factors"], { positions: 5 });
    const wish: Wish = {
      prompt: prompt(7, 3),
      maxTokens: 8,
      temperature: 0,
      companions: [
        { prompt: prompt(3, 1), deltas: rowOf("lead", delta) },
        { prompt: prompt(19, 2), weights: tuned },
      ],
    };
    const alone = await ask(loop, weights, { prompt: prompt(7, 3), maxTokens: 8, temperature: 0 }).done;
    const noise = ask(loop, weights, { prompt: prompt(9, 9), maxTokens: 30, tenant: "noise" });
    const asked = ask(loop, weights, wish);
    // Companions lend their logits, and nobody asks for them here.
    expect(await asked.done).toEqual(alone);
    const processedRows = loop.counts.decodedTokens;
    expect(processedRows).toBeGreaterThanOrEqual(7 + 3 * 7);
    await noise.done;
  });

  it("admits a generation whole, also where two of them would each fit in part", async () => {
    const { loop, weights } = await parts({ slots: 4 });
    const wish = (i: number): Wish => ({
      tenant: `t${i % 3}`,
      prompt: prompt(5, i),
      maxTokens: 3 + (i % 4),
      companions: [{ prompt: prompt(4, i + 1) }, { prompt: prompt(6, i + 2) }].slice(0, 1 + (i % 2)),
    });
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(loop, weights, wish(i)).done));
    expect(results.map(({ length }) => length)).toEqual(Array.from({ length: 12 }, (_, i) => 3 + (i % 4)));
    expect([loop.activeRows, loop.waitingRows]).toEqual([0, 0]);
    const five = [1, 2, 3, 4].map((i) => ({ prompt: prompt(3, i) }));
    expect(() => ask(loop, weights, { prompt: prompt(3, 1), maxTokens: 2, companions: five })).toThrow(
      expect.objectContaining({ code: "invalid_request" }),
    );
  });

  it("delays another tenant's single request by about a turn, however many wait", async () => {
    const { loop, weights } = await parts({ slots: 4, quota: 3 });
    const many = Array.from({ length: 60 }, (_, i) =>
      ask(loop, weights, { tenant: "many", prompt: prompt(24, i), maxTokens: 12, seed: i }),
    );
    await many[0]!.started;
    const order: string[] = [];
    for (const one of many) void one.done.then(() => order.push("many"));
    const before = loop.counts.prefilledPositions;
    const single = ask(loop, weights, { tenant: "single", prompt: prompt(8, 1), maxTokens: 2 });
    await single.started;
    // Its two chunks took turns with those of the others.
    expect(loop.counts.prefilledPositions - before).toBeLessThanOrEqual(4 * 4);
    await single.done.then(() => order.push("single"));
    expect(order.indexOf("single")).toBeLessThanOrEqual(3);
    await Promise.all(many.map(({ done }) => done));
  });

  it("pauses rows of tenants that hold every slot, and lets them go on bit for bit", async () => {
    const { ort, loop, weights } = await parts({ slots: 4, pausedBytes: 1 << 20, keepPrompts: true });
    const tuned = new WeightSet(ort, initialWeights(TINY, 8));
    const lead = rowOf("lead", randomDelta("lead", ["prompt", "prefix", "factors"], { positions: 3 }));
    const long: Wish[] = [
      { tenant: "a", prompt: prompt(9, 1), maxTokens: 40, seed: 1, companions: [{ prompt: prompt(5, 4) }] },
      { tenant: "a", prompt: prompt(30, 2), maxTokens: 24, seed: 2, deltas: lead },
      { tenant: "b", prompt: prompt(7, 3), maxTokens: 45, seed: 3, weights: tuned },
    ];
    const alone: number[][] = [];
    for (const wish of long) alone.push(await ask(loop, weights, wish).done);
    const asked = long.map((wish) => ask(loop, weights, wish));
    await asked[2]!.started;
    expect(loop.activeRows).toBe(4);
    const comers = Array.from({ length: 12 }, (_, i) => ({ prompt: prompt(6, 30 + i), maxTokens: 5, seed: i }));
    const order: string[] = [];
    for (const one of asked) void one.done.then(() => order.push("long"));
    for (const [i, wish] of comers.entries()) {
      const comer = ask(loop, weights, { ...wish, tenant: `comer ${i}` });
      await comer.started;
      order.push("comer");
      await comer.done;
    }
    // Nobody waited for the end of a text.
    expect(order.slice(0, 6)).toEqual(new Array(6).fill("comer"));
    expect(await Promise.all(asked.map(({ done }) => done))).toEqual(alone);
    expect([loop.activeRows, loop.waitingRows]).toEqual([0, 0]);
  });

  it("keeps rows in their slots where there is no memory for what they have computed", async () => {
    const { loop, weights } = await parts({ slots: 2 });
    const held = Array.from({ length: 2 }, (_, i) =>
      ask(loop, weights, { tenant: "a", prompt: prompt(4, i), maxTokens: 30, seed: i }),
    );
    await held[1]!.started;
    const comer = ask(loop, weights, { tenant: "b", prompt: prompt(4, 9), maxTokens: 2 });
    const first = await Promise.race([comer.started.then(() => "comer"), held[0]!.done.then(() => "held")]);
    expect(first).toBe("held");
    await Promise.all([...held, comer].map(({ done }) => done));
  });

  it("ends a paused request that is cancelled, and keeps nothing of it", async () => {
    const { loop, weights } = await parts({ slots: 2, pausedBytes: 1 << 20 });
    const held = Array.from({ length: 2 }, (_, i) =>
      ask(loop, weights, { tenant: "a", prompt: prompt(4, i), maxTokens: 50, seed: i }),
    );
    await held[1]!.started;
    const comer = ask(loop, weights, { tenant: "b", prompt: prompt(4, 9), maxTokens: 40 });
    await comer.started;
    expect([loop.activeRows, loop.waitingRows]).toEqual([2, 1]);
    for (const { request } of held) loop.cancel(request);
    for (const { done } of held) expect((await done).length).toBeLessThan(50);
    expect((await comer.done).length).toBe(40);
    expect([loop.activeRows, loop.waitingRows]).toEqual([0, 0]);
  });
});
