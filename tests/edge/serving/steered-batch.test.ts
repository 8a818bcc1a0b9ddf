/** Rows that steering adds to a generation, on a tiny model: what they read, probe, wait for and cost. */
import { describe, expect, it } from "vitest";
import { rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import type { DecodeSettings } from "../../../shared/decode/registry.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { randomDelta, TINY } from "../runtime/tiny-model.ts";
import { ask, GREEDY, tinyLoop, tokens } from "./steered-request.ts";

describe("a steered generation", () => {
  it("feeds a companion the text's tokens behind a prompt of its own, and counts what that cost", async () => {
    const { loop, weights } = await tinyLoop();
    const rows = [{ prompt: tokens(9, 1) }, { role: "guidance", prompt: tokens(6, 2) }];
    const steered = ask(loop, weights, { rows, settings: { ...GREEDY, guidance: 3 } });
    // 6 tokens of the other prompt, and each token but the last.
    expect(await steered.end).toEqual({ cachedTokens: 0, steeringTokens: 6 + 7 });
    const plain = ask(loop, weights, { rows: rows.slice(0, 1), settings: GREEDY });
    expect(await plain.end).toMatchObject({ steeringTokens: 0 });
    expect(steered.tokens).not.toEqual(plain.tokens);
    // A scale of 0 follows the other prompt alone, and so says what it says.
    const other = ask(loop, weights, { rows, settings: { ...GREEDY, guidance: 0 } });
    const itself = ask(loop, weights, { rows: rows.slice(1).map(({ prompt }) => ({ prompt })), settings: GREEDY });
    await Promise.all([other.end, itself.end]);
    expect(other.tokens).toEqual(itself.tokens);
  });

  it("reads the head after earlier layers, also where the prompt is cached", async () => {
    const { loop, weights } = await tinyLoop();
    const layers = { candidates: [0, 1], relativeTop: 1e-9 };
    const settings = { ...GREEDY, layers } as unknown as DecodeSettings;
    const wish = { rows: [{ prompt: tokens(9, 1), takes: { exits: [-1, 0] } }], settings, traced: 1 };
    const cold = ask(loop, weights, wish);
    await cold.end;
    const warm = ask(loop, weights, wish);
    expect(await warm.end).toMatchObject({ cachedTokens: 8 });
    expect(warm.tokens).toEqual(cold.tokens);
    expect(Math.min(...cold.traces.map(({ kl }) => kl))).toBeGreaterThan(0);
    const [plain, beside] = [ask(loop, weights, { ...wish, settings: GREEDY }), ask(loop, weights, wish)];
    await Promise.all([plain.end, beside.end]);
    expect(beside.tokens).toEqual(cold.tokens);
    expect(plain.traces.map(({ kl }) => kl)).toEqual(plain.tokens.map(() => 0));
  });

  it("scores known tokens instead of choosing them", async () => {
    const { loop, weights } = await tinyLoop();
    const forced = [9, 8, 7, 6];
    const scored = ask(loop, weights, { rows: [{}], settings: { ...GREEDY, forced }, maxTokens: 4 });
    await scored.end;
    expect(scored.tokens).toEqual(forced);
  });

  it("traces every token", async () => {
    const { loop, weights } = await tinyLoop();
    const rows = [{ prompt: tokens(9, 1) }, { role: "guidance", prompt: tokens(6, 2) }];
    const steered = ask(loop, weights, { rows, settings: { ...GREEDY, guidance: 3 }, traced: 2 });
    await steered.end;
    expect(steered.traces.map(({ id }) => id)).toEqual(steered.tokens);
    for (const { before, after, kl, top, id } of steered.traces) {
      expect(kl).toBeGreaterThan(0);
      expect([top.length, top[0]!.id]).toEqual([2, id]);
      expect(after).toBeGreaterThan(0);
      expect(before).toBeLessThan(1);
    }
  });

  it("takes on conditional deltas after its prompt, where the prompt calls for them", async () => {
    const { loop, weights } = await tinyLoop();
    const deltas = rowDeltas([{ delta: servingDelta("v", randomDelta("v", ["biases"])), weight: 1 }]);
    const prompt = tokens(9, 1);
    const seen: number[][] = [];
    const asked = (holds: boolean, wholePrompt = false) => {
      const condition = {
        taps: ["layers.0"],
        wholePrompt,
        most: deltas,
        start: (length: number) => ({
          read: (at: number, tap: (name: string) => Float32Array) => void seen.push([at, tap("layers.0").length]),
          deltas: () => (holds && length === prompt.length ? deltas : undefined),
          found: () => [{ at: "vectors[0]", score: 0.5, applies: holds }],
        }),
      };
      return ask(loop, weights, { rows: [{ prompt, condition }], settings: GREEDY });
    };
    const plain = ask(loop, weights, { rows: [{ prompt }], settings: GREEDY });
    const [not, met] = [asked(false), asked(true)];
    await Promise.all([plain.end, not.end, met.end]);
    expect(seen).toEqual([
      [8, TINY.hiddenSize],
      [8, TINY.hiddenSize],
    ]);
    seen.length = 0;
    const whole = asked(true, true);
    expect(await whole.end).toMatchObject({ cachedTokens: 0 });
    expect(seen).toEqual(prompt.map((_, at) => [at, TINY.hiddenSize]));
    expect(whole.tokens).toEqual(met.tokens);
    expect(not.tokens).toEqual(plain.tokens);
    // The prompt was read without the deltas, and so was the first token.
    expect(met.tokens[0]).toBe(plain.tokens[0]);
    expect(met.tokens).not.toEqual(plain.tokens);
  });
});

describe("a processor that fails or waits", () => {
  it("ends its own request and leaves every other one alone", async () => {
    const { loop, weights } = await tinyLoop();
    const plain = { rows: [{ prompt: tokens(9, 1) }], settings: GREEDY, maxTokens: 12 };
    const expected = ask(loop, weights, plain);
    await expected.end;
    const failing = {
      greedy: true,
      get bias(): never {
        throw new TrimtabError("invalid_request", "no");
      },
    };
    const [bad, good] = [ask(loop, weights, { ...plain, settings: failing }), ask(loop, weights, plain)];
    await expect(bad.end).rejects.toMatchObject({ code: "invalid_request" });
    await good.end;
    expect(good.tokens).toEqual(expected.tokens);
    expect(loop.broken).toBe(false);
  });

  it("costs next to nothing while all wait, and delays nobody who comes, leaves or is answered", async () => {
    const { loop, weights, counted } = await tinyLoop();
    const { promise: answer, resolve } = Promise.withResolvers<number[]>();
    const scorer = { score: () => answer, strength: 1, candidates: 2, every: 64 };
    const waiting = { rows: [{ prompt: tokens(9, 1) }], settings: { ...GREEDY, scorer } };
    const plain = { rows: [{ prompt: tokens(9, 1) }], settings: GREEDY };
    const [first, leaving] = [ask(loop, weights, waiting), ask(loop, weights, waiting)];
    while (loop.activeRows < 2) await new Promise((done) => setTimeout(done, 10));
    await new Promise((done) => setTimeout(done, 300));
    counted.turns = 0;
    await new Promise((done) => setTimeout(done, 600));
    // Without a rest there would be a turn for every tick of the event loop: thousands.
    expect(counted.turns).toBeLessThan(40);
    const alone = ask(loop, weights, plain);
    await alone.end;
    expect(alone.tokens).toHaveLength(8);
    expect(first.tokens).toEqual([]);
    loop.cancel(leaving.request);
    await leaving.end;
    expect(loop.activeRows).toBe(1);
    resolve([0, 0]);
    await first.end;
    expect(first.tokens).toEqual(alone.tokens);
  });
});
