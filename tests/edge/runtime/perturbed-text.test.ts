/** A text's memory, moved step by step: against a float64 loop, and against the decode graph where nothing is moved. */
import { describe, expect, it } from "vitest";
import type { PerturbedText } from "../../../edge/runtime/perturbed-text.ts";
import { BARE, type RowDeltas } from "../../../edge/runtime/serving-delta.ts";
import { argmax, logSumExp } from "../../../shared/decode/logits.ts";
import type { Perturbation } from "../../../shared/decode/processor.ts";
import { gradient } from "../../../shared/decode/steering/gradient.ts";
import { StateSum } from "../../../shared/decode/steering/state-sum.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";
import { GOLDEN_TEXTS, type GoldenText, goldenBase, goldenDeltas, goldenScorer, goldenTensor } from "./pplm-golden.ts";
import { largestDifference, PARTS, type Part, randomDelta, rowOf, TINY, tinyParts } from "./tiny-model.ts";

type Parts = Awaited<ReturnType<typeof tinyParts>>;

/** Prefills a row in `slot`; gives how many positions it has. */
function begin({ decoder, slab, weights }: Parts, slot: number, row: RowDeltas, prompt: readonly number[]): number {
  const { prefixTokens: start, virtualTokens: virtual } = row;
  if (row.nonColumnParts.prefix !== undefined) slab.writePrefix(slot, row.nonColumnParts.prefix);
  decoder.prefill(weights, { slot, start, virtual, tokens: prompt });
  return start + virtual + prompt.length;
}

function settingsOf(golden: GoldenText) {
  const scorer = goldenScorer(golden);
  const context = { scorer: () => scorer };
  return gradient.plan(gradient.schema.parse(golden.asked), context as never).settings as unknown as {
    readonly perturbation: Perturbation;
    readonly gmScale: number;
    readonly pool: "last" | "mean";
  };
}

/** log p of every token, from the fusion of two distributions. */
function fused(perturbed: Float32Array, own: Float32Array, gm: number): Float64Array {
  const scores = Float64Array.from(own, (logit, token) => gm * perturbed[token]! + (1 - gm) * logit);
  const normaliser = logSumExp(scores);
  return scores.map((score) => score - normaliser);
}

describe("against a reference loop in float64", () => {
  it.each(GOLDEN_TEXTS)("moves the same memory, and decodes the same 20 tokens: $name", async (golden) => {
    const base = await goldenBase(golden.model);
    const parts = await tinyParts({ config: base.config, weights: base.weights });
    const { decoder, weights } = parts;
    const rows = [await goldenDeltas(golden.text, base), await goldenDeltas(golden.judge, base)] as const;
    decoder.arrange(rows);
    const { perturbation, gmScale, pool } = settingsOf(golden);
    const [text, judge] = rows.map((deltas) => ({ weights, deltas, capacity: 64 }));
    const perturbed = decoder.perturber.open({ text: text!, judge: judge! }, perturbation);
    const { prompts } = golden;
    let positions = begin(parts, 0, rows[0], prompts.text);
    let own = decoder.decode(weights, 0, [{ token: prompts.text.at(-1)!, position: positions - 1 }]).slice();
    let judged = begin(parts, 1, rows[1], prompts.judge);
    let token = prompts.text.at(-1)!;
    const states = new StateSum();
    for (const [step, expected] of golden.tokens.entries()) {
      if (pool === "mean") states.follow(step, () => decoder.final(0));
      perturbed.begin({
        token,
        slot: 0,
        positions,
        judge: { slot: 1, positions: judged },
        unperturbed: own,
        before: pool === "mean" ? states : undefined,
      });
      const losses = golden.losses[step]!;
      for (const [iteration, loss] of losses.entries()) {
        const got = perturbed.descend(perturbation);
        expect(Math.abs(got - loss), `loss ${step}.${iteration}`).toBeLessThan(2e-5 * Math.max(1, Math.abs(loss)));
        expectMemory(perturbed, `${golden.name}.${step}.${iteration}`);
      }
      const logs = fused(perturbed.read(), own, gmScale);
      const wanted = goldenTensor(`${golden.name}.logs`)!.subarray(step * logs.length, (step + 1) * logs.length);
      expect(relative(logs, wanted), `step ${step}`).toBeLessThan(1e-5);
      token = argmax(logs);
      expect(token).toBe(expected);
      own = decoder.decode(weights, 0, [{ token, position: positions++ }]).slice();
      decoder.decode(weights, 1, [{ token, position: judged++ }]);
    }
    decoder.perturber.close(perturbed);
  });
});

/** The largest difference, as a share of the number where that is above 1: float32 has seven digits. */
function relative(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).toBe(expected.length);
  return Math.max(...Array.from(expected, (x, i) => Math.abs(got[i]! - x) / Math.max(1, Math.abs(x))));
}

/** Compares the keys and values before the last token with the reference's, where it kept them. */
function expectMemory(text: PerturbedText, name: string): void {
  for (const [layer, pair] of text.layers.entries()) {
    for (const part of ["key", "value"] as const) {
      const expected = goldenTensor(`${name}.${layer}.${part}`);
      if (expected === undefined) continue;
      const [heads, places, width] = pair[part].shape as readonly [number, number, number];
      const all = pair[part].view();
      const got = Array.from({ length: heads }, (_, head) => [
        ...all.subarray(head * places * width, ((head + 1) * places - 1) * width),
      ]).flat();
      expect(relative(got, expected), `${name}.${layer}.${part}`).toBeLessThan(1e-5);
    }
  }
}

const SCORER: Scorer = {
  weight: f32(
    [TINY.hiddenSize, 2],
    Array.from({ length: 2 * TINY.hiddenSize }, (_, i) => Math.sin(3 * i)),
  ),
  bias: f32([2], [0.1, -0.3]),
  about: { labels: ["a", "b"], lead: [], temperatures: { lookahead: 1 } },
};
const AIM = { scorer: SCORER, label: 1, temperature: 1, klScale: 0.01 };
const STEP = { stepSize: 0.1, gamma: 1 };
const rowWith = (key: string, parts: readonly Part[]) => rowOf(key, randomDelta(key, parts));
const PROMPT = [5, 9, 2, 33, 17, 40, 21];

describe("a memory that is not moved", () => {
  it.each<[name: string, row: RowDeltas]>([
    ["nothing", BARE],
    ...PARTS.map((part): [string, RowDeltas] => [part, rowWith("a", [part])]),
    ["everything", rowWith("a", PARTS)],
    ["everything, with a weight", rowOf("a", randomDelta("a", PARTS.slice(0, 6)), -0.7)],
  ])("gives what the decode graph gives, token after token, on a row with %s", async (_, row) => {
    await expectDecodedAlike(await tinyParts(), row);
  });

  it("does so on heads that the cache pads", async () => {
    const config = { ...TINY, headDim: 12 };
    const row = rowOf("a", randomDelta("a", PARTS, { config }));
    await expectDecodedAlike(await tinyParts({ config, weights: initialWeights(config, 3) }), row);
  });
});

async function expectDecodedAlike(parts: Parts, row: RowDeltas): Promise<void> {
  const { decoder, weights } = parts;
  decoder.arrange([row, BARE]);
  const rows = { text: { weights, deltas: row, capacity: 40 }, judge: { weights, deltas: BARE, capacity: 40 } };
  const text = decoder.perturber.open(rows, AIM);
  const judged = begin(parts, 1, BARE, PROMPT);
  let positions = begin(parts, 0, row, PROMPT.slice(0, -1));
  for (const token of [PROMPT.at(-1)!, 3, 60, 3]) {
    const logits = decoder.decode(weights, 0, [{ token, position: positions++ }]).slice();
    text.begin({ token, slot: 0, positions, judge: { slot: 1, positions: judged }, unperturbed: logits });
    const size = Math.max(1, ...logits.map(Math.abs));
    expect(largestDifference(text.read(), logits) / size).toBeLessThan(3e-6);
  }
  decoder.perturber.close(text);
}

describe("the gradient", () => {
  it.each<[name: string, text: RowDeltas, judge: RowDeltas]>([
    ["no deltas", BARE, BARE],
    ["every part in the text's row", rowWith("a", PARTS), BARE],
    ["every part in the judge's row", BARE, rowWith("a", PARTS)],
  ])("is the slope of the loss, with %s", async (_, ofText, ofJudge) => {
    const parts = await tinyParts();
    const { decoder, weights } = parts;
    decoder.arrange([ofText, ofJudge]);
    const text = decoder.perturber.open(
      { text: { weights, deltas: ofText, capacity: 40 }, judge: { weights, deltas: ofJudge, capacity: 40 } },
      { ...AIM, klScale: 0.5 },
    );
    const positions = begin(parts, 0, ofText, PROMPT);
    const judged = begin(parts, 1, ofJudge, PROMPT.slice(2));
    const random = createRandom(3, "own");
    const unperturbed = Float32Array.from({ length: TINY.vocabSize }, () => random.normal());
    text.begin({ token: PROMPT.at(-1)!, slot: 0, positions, judge: { slot: 1, positions: judged }, unperturbed });
    // With gamma 0, a step of 1 is the gradient itself.
    const before = text.layers.map(({ key, value }) => ({ key: key.view().slice(), value: value.view().slice() }));
    text.descend({ stepSize: 1, gamma: 0 });
    const slopes = text.layers.map(({ key, value }, layer) => ({
      key: key.view().map((x, i) => before[layer]!.key[i]! - x),
      value: value.view().map((x, i) => before[layer]!.value[i]! - x),
    }));
    const restore = () => {
      for (const [layer, { key, value }] of text.layers.entries()) {
        key.view().set(before[layer]!.key);
        value.view().set(before[layer]!.value);
      }
    };
    for (const layer of [0, 1]) {
      for (const part of ["key", "value"] as const) {
        const slope = slopes[layer]![part];
        const size = Math.sqrt(slope.reduce((sum, x) => sum + x * x, 0));
        expect(size).toBeGreaterThan(1e-4);
        // Along the gradient, where float32 shows the difference best.
        const at = (distance: number) => {
          restore();
          const view = text.layers[layer]![part].view();
          for (let i = 0; i < view.length; i++) view[i]! += (distance * slope[i]!) / size;
          return text.descend({ stepSize: 0, gamma: 0 });
        };
        const rise = (8 * (at(0.02) - at(-0.02)) - (at(0.04) - at(-0.04))) / 0.24;
        expect(Math.abs(rise - size) / size, `${layer}.${part}`).toBeLessThan(0.02);
      }
    }
    decoder.perturber.close(text);
  });

  it("moves the latest positions alone where there is a window, and never the last token's place", async () => {
    const parts = await tinyParts();
    const { decoder, weights } = parts;
    decoder.arrange([BARE, BARE]);
    const row = { weights, deltas: BARE, capacity: 40 };
    const text = decoder.perturber.open({ text: row, judge: row }, AIM);
    const positions = begin(parts, 0, BARE, PROMPT);
    const judged = begin(parts, 1, BARE, PROMPT);
    const unperturbed = new Float32Array(TINY.vocabSize);
    text.begin({ token: PROMPT.at(-1)!, slot: 0, positions, judge: { slot: 1, positions: judged }, unperturbed });
    const before = text.layers.map(({ key }) => key.view().slice());
    text.descend({ ...STEP, window: 2 });
    for (const [layer, { key }] of text.layers.entries()) {
      const moved = Array.from({ length: positions }, (_, place) => {
        const at = place * TINY.headDim;
        return (
          largestDifference(key.view().slice(at, at + TINY.headDim), before[layer]!.slice(at, at + TINY.headDim)) > 0
        );
      });
      expect(moved).toEqual([false, false, false, false, true, true, false]);
    }
    decoder.perturber.close(text);
  });
});

describe("memory and failures", () => {
  it("leaves the slab, the deltas and the heap as they were", async () => {
    const parts = await tinyParts();
    const { decoder, weights, ort, slab } = parts;
    const row = rowWith("a", PARTS);
    decoder.arrange([row, BARE]);
    const positions = begin(parts, 0, row, PROMPT);
    const judged = begin(parts, 1, BARE, PROMPT);
    const bits = () => Object.values(slab.window(0, 2).past).map((tensor) => tensor.view().slice());
    const [cache, resident] = [bits(), ort.residentBytes];
    const step = () =>
      decoder
        .decode(weights, 0, [
          { token: 7, position: positions },
          { token: 8, position: judged },
        ])
        .slice();
    const logits = step();
    for (let n = 0; n < 3; n++) {
      const rows = { text: { weights, deltas: row, capacity: 40 }, judge: { weights, deltas: BARE, capacity: 40 } };
      const text = decoder.perturber.open(rows, AIM);
      expect(ort.residentBytes).toBeGreaterThan(resident);
      text.begin({
        token: 21,
        slot: 0,
        positions,
        judge: { slot: 1, positions: judged },
        unperturbed: logits.slice(0, 64),
      });
      text.descend(STEP);
      text.read();
      decoder.perturber.close(text);
      expect(ort.residentBytes).toBe(resident);
    }
    expect(step()).toEqual(logits);
    slab.clear(0, { from: positions, to: positions + 1 });
    slab.clear(1, { from: judged, to: judged + 1 });
    expect(bits()).toEqual(cache);
  });

  it("frees what it took where the heap has no room for all of it", async () => {
    const { decoder, weights, ort } = await tinyParts();
    const before = ort.residentBytes;
    const row = { weights, deltas: BARE, capacity: 150_000 };
    expect(() => decoder.perturber.open({ text: row, judge: row }, AIM)).toThrow(
      expect.objectContaining({ code: "capacity_exceeded" }),
    );
    expect(ort.residentBytes).toBe(before);
  });

  it("stays finite where steps are as long as they can be", async () => {
    const parts = await tinyParts();
    const { decoder, weights } = parts;
    decoder.arrange([BARE, BARE]);
    const row = { weights, deltas: BARE, capacity: 60 };
    // A scorer that is certain leaves almost no gradient, and gamma 2 makes the longest step of it.
    const sure = { ...SCORER, bias: f32([2], [-40, 40]) };
    const text = decoder.perturber.open({ text: row, judge: row }, { ...AIM, scorer: sure });
    let positions = begin(parts, 0, BARE, PROMPT);
    let judged = begin(parts, 1, BARE, PROMPT);
    for (let token = 0; token < 40; token++) {
      const unperturbed = decoder.decode(weights, 0, [{ token, position: positions++ }]).slice();
      decoder.decode(weights, 1, [{ token, position: judged++ }]);
      text.begin({ token, slot: 0, positions, judge: { slot: 1, positions: judged }, unperturbed });
      for (let i = 0; i < 8; i++)
        expect(text.descend({ stepSize: 1, gamma: 2 })).toBeLessThan(Number.POSITIVE_INFINITY);
      expect(text.read().every(Number.isFinite)).toBe(true);
    }
    decoder.perturber.close(text);
  });
});
