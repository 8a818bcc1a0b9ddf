/** Texts whose memory is perturbed, in the batch: what they say, what they cost others, and what they leave behind. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { PerturbedText } from "../../../edge/runtime/perturbed-text.ts";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import type { BatchLoop } from "../../../edge/serving/batch-loop.ts";
import type { GenerationRow } from "../../../edge/serving/generation.ts";
import { requireRoomToPerturb } from "../../../edge/serving/perturbing-turns.ts";
import type { DecodeSettings } from "../../../shared/decode/registry.ts";
import { gradient } from "../../../shared/decode/steering/gradient.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";
import { GOLDEN_TEXTS, goldenBase, goldenDeltas, goldenScorer } from "../runtime/pplm-golden.ts";
import { PARTS, randomDelta, rowOf, TINY } from "../runtime/tiny-model.ts";
import { ask, GREEDY, tinyLoop, tokens } from "./steered-request.ts";

const random = createRandom(5, "scorer");
const SCORER: Scorer = {
  weight: f32(
    [TINY.hiddenSize, 2],
    Array.from({ length: 2 * TINY.hiddenSize }, () => random.normal()),
  ),
  bias: f32([2], [0.1, -0.3]),
  about: { labels: ["kind", "rude"], lead: [1], temperatures: { lookahead: 1 } },
};

/** Settings as a request's plan gives them. */
function steered(asked: object = {}, scorer = SCORER): DecodeSettings {
  const label = scorer.about.labels.at(-1)!;
  const checked = gradient.schema.parse({ id: "tone", label, step_size: 0.3, ...asked });
  const { settings } = gradient.plan(checked, { scorer: () => scorer } as never);
  return { ...GREEDY, gradient: settings } as DecodeSettings;
}

const judge = (row: Partial<GenerationRow> = {}): Partial<GenerationRow> => ({
  role: "gradient",
  prompt: [1],
  takes: { final: true },
  ...row,
});

const idle = async (loop: BatchLoop) => {
  while (loop.activeRows > 0) await scheduler.wait(1);
};

afterEach(() => vi.restoreAllMocks());

describe("a text with a perturbed memory", () => {
  it.each(GOLDEN_TEXTS)("says the reference's 20 tokens: $name", async (golden) => {
    const base = await goldenBase(golden.model);
    const { loop, weights } = await tinyLoop({ config: base.config, weights: base.weights });
    const rows = [
      { prompt: golden.prompts.text, deltas: await goldenDeltas(golden.text, base) },
      judge({ prompt: golden.prompts.judge, stateKey: "judge", deltas: await goldenDeltas(golden.judge, base) }),
    ];
    const settings = steered({ step_size: 0.02, ...golden.asked }, goldenScorer(golden));
    const text = ask(loop, weights, { rows, settings, maxTokens: 20 });
    const iterations = golden.losses.reduce((sum, losses) => sum + losses.length, 0);
    // The judge reads its prompt and every token but the last; an iteration computes two positions, each result one.
    const judged = golden.prompts.judge.length + 19;
    expect(await text.end).toEqual({ cachedTokens: 0, steeringTokens: judged + 2 * iterations + 20 });
    expect(text.tokens).toEqual(golden.tokens);
  });

  it("says the same alone, again, and among others, whose texts stay as they are", async () => {
    const row = rowOf("a", randomDelta("a", PARTS));
    const judging = rowOf("bb", randomDelta("bb", ["factors", "biases", "embedding", "bottlenecks"]));
    const wish = { rows: [{ prompt: tokens(7, 1), deltas: row }, judge({ deltas: judging })], settings: steered() };
    const other = { rows: [{ prompt: tokens(4, 9) }, judge()], settings: steered({ pool: "mean", window: 3 }) };
    const plain = { rows: [{ prompt: tokens(9, 2) }], settings: GREEDY, maxTokens: 24 };
    const alone = async (one: Parameters<typeof ask>[2]) => {
      const { loop, weights } = await tinyLoop();
      const text = ask(loop, weights, one);
      await text.end;
      return text.tokens;
    };
    const expected = [await alone(wish), await alone(other), await alone(plain)];
    expect(await alone(wish)).toEqual(expected[0]);
    expect(await alone({ ...wish, settings: GREEDY })).not.toEqual(expected[0]);
    const { loop, weights } = await tinyLoop();
    const texts = [wish, other, plain].map((one) => ask(loop, weights, one));
    await Promise.all(texts.map(({ end }) => end));
    expect(texts.map((text) => text.tokens)).toEqual(expected);
  });

  it.each([{ step_size: 0 }, { gm_scale: 0 }])("changes no bit where it is neutral: %j", async (neutral) => {
    const { loop, weights } = await tinyLoop();
    const rows = [{ prompt: tokens(9, 1) }, judge()];
    const wish = { rows, settings: { ...GREEDY, temperature: 1, greedy: false }, traced: 3 };
    const [plain, steeredToo] = [
      ask(loop, weights, wish),
      ask(loop, weights, { ...wish, settings: { ...steered(neutral), ...wish.settings } }),
    ];
    await Promise.all([plain.end, steeredToo.end]);
    expect(steeredToo.traces).toEqual(plain.traces);
    expect(gradient.isNeutral(gradient.schema.parse({ id: "x", label: "y", ...neutral }))).toBe(true);
  });

  it("notes the losses of its iterations, which fall", async () => {
    const { loop, weights } = await tinyLoop();
    const settings = steered({ iterations: 4, step_size: 0.02, gamma: 1 });
    const text = ask(loop, weights, { rows: [{ prompt: tokens(9, 1) }, judge()], settings, traced: 1 });
    await text.end;
    for (const { parts } of text.traces) {
      const { losses } = parts.gradient as { losses: number[] };
      expect(losses.length).toBe(4);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
    }
  });
});

describe("turns", () => {
  it("delay a neighbour by one iteration a token at most, however many texts ask", async () => {
    const { loop, weights } = await tinyLoop();
    const order: string[] = [];
    const original = PerturbedText.prototype.descend;
    vi.spyOn(PerturbedText.prototype, "descend").mockImplementation(function (this: PerturbedText, how) {
      order.push("iteration");
      return original.call(this, how);
    });
    const plain = ask(loop, weights, { rows: [{ prompt: tokens(4, 2) }], settings: GREEDY, maxTokens: 40 });
    const push = plain.tokens.push.bind(plain.tokens);
    plain.tokens.push = (...more) => {
      order.push("token");
      return push(...more);
    };
    const two = [1, 5].map((from) =>
      ask(loop, weights, { rows: [{ prompt: tokens(3, from) }, judge()], settings: steered(), maxTokens: 6 }),
    );
    await Promise.all([plain.end, ...two.map(({ end }) => end)]);
    const while_ = order.slice(0, order.lastIndexOf("token"));
    expect(while_.filter((each) => each === "iteration").length).toBeGreaterThan(20);
    expect(while_.join(" ")).not.toContain("iteration iteration");
  });

  it("are taken in the order in which texts ask", async () => {
    const { loop, weights } = await tinyLoop();
    const lengths: number[][] = [];
    const texts = [1, 5, 9].map((from) =>
      ask(loop, weights, { rows: [{ prompt: tokens(3, from) }, judge()], settings: steered(), maxTokens: 6 }),
    );
    for (const text of texts) {
      const push = text.tokens.push.bind(text.tokens);
      text.tokens.push = (...more) => {
        const length = push(...more);
        lengths.push(texts.map(({ tokens: all }) => all.length));
        return length;
      };
    }
    await Promise.all(texts.map(({ end }) => end));
    for (const each of lengths) expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(2);
  });

  it("wait while others hold the memory that a text needs", async () => {
    const { loop, weights, decoder } = await tinyLoop();
    vi.spyOn(decoder.perturber, "fits").mockReturnValue(false);
    const texts = [1, 5, 9].map((from) =>
      ask(loop, weights, { rows: [{ prompt: tokens(3, from) }, judge()], settings: steered(), maxTokens: 5 }),
    );
    const ended: number[] = [];
    await Promise.all(texts.map(({ end }, i) => end.then(() => ended.push(i))));
    expect(ended.length).toBe(3);
    for (const text of texts) expect(text.tokens.length).toBe(5);
  });
});

describe("a pause", () => {
  it("waits for the texts that have begun, frees their graphs, and lets no other begin until it ends", async () => {
    const { loop, weights, decoder, ort } = await tinyLoop();
    const before = ort.residentBytes;
    const clear = vi.spyOn(decoder.perturber, "clear");
    const wish = { rows: [{ prompt: tokens(5, 1) }, judge()], settings: steered(), maxTokens: 6 };
    const first = ask(loop, weights, wish);
    while (first.tokens.length < 2) await scheduler.wait(1);
    let resume: (() => void) | undefined;
    const paused = loop.pausePerturbing().then((result) => {
      resume = result;
    });
    const second = ask(loop, weights, wish);
    await first.end;
    await paused;
    expect([clear.mock.calls.length, ort.residentBytes]).toEqual([1, before]);
    for (let n = 0; n < 20; n++) await scheduler.wait(1);
    expect(second.tokens).toEqual([]);
    resume!();
    await second.end;
    expect(second.tokens).toEqual(first.tokens);
  });
});

describe("what a text leaves behind", () => {
  it("is no memory: when it ends, when it is cancelled, and when it fails", async () => {
    const { loop, weights, ort } = await tinyLoop();
    const plain = { rows: [{ prompt: tokens(9, 2) }], settings: GREEDY, maxTokens: 30 };
    const expected = ask(loop, weights, plain);
    await expected.end;
    await idle(loop);
    const before = ort.residentBytes;
    const wish = { rows: [{ prompt: tokens(5, 1) }, judge()], settings: steered(), maxTokens: 20 };
    await ask(loop, weights, wish).end;
    expect(ort.residentBytes).toBe(before);

    const cancelled = ask(loop, weights, wish);
    while (cancelled.tokens.length < 3) await scheduler.wait(1);
    expect(ort.residentBytes).toBeGreaterThan(before);
    loop.cancel(cancelled.request);
    expect(await cancelled.end).toMatchObject({ cachedTokens: expect.any(Number) });
    expect(ort.residentBytes).toBe(before);

    vi.spyOn(PerturbedText.prototype, "read").mockImplementation(() =>
      new Float32Array(TINY.vocabSize).fill(Number.NaN),
    );
    const [failing, beside] = [ask(loop, weights, wish), ask(loop, weights, plain)];
    await expect(failing.end).rejects.toMatchObject({ code: "non_finite" });
    await beside.end;
    expect(beside.tokens).toEqual(expected.tokens);
    expect(ort.residentBytes).toBe(before);
    expect(loop.broken).toBe(false);
  });
});

describe("room", () => {
  it("is refused by name and size where a text can never have it", async () => {
    const { weights } = await tinyLoop();
    const generation = {
      rows: [
        { role: "leader", prompt: tokens(20, 1), weights, deltas: BARE, stateKey: "" },
        { role: "gradient", prompt: [1], weights, deltas: BARE, stateKey: "" },
      ],
      sequence: { maxTokens: 300 },
    } as never;
    const asked: unknown[] = [];
    const perturber = (room: number) =>
      ({
        room,
        needs: (rows: { text: { capacity: number }; judge: { capacity: number } }) => {
          asked.push(rows.text.capacity, rows.judge.capacity);
          return 12_340_000;
        },
      }) as never;
    expect(() => requireRoomToPerturb(perturber(12_340_000), generation, "gradient")).not.toThrow();
    expect(() => requireRoomToPerturb(perturber(4_560_000), generation, "gradient")).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "steering.gradient",
        message: expect.stringContaining(
          "`gradient` needs 12.3 MB for a text of up to 300 tokens after 20, but this model has room for 4.6 MB",
        ),
      }),
    );
    expect(asked).toEqual([320, 301, 320, 301]);
  });
});
