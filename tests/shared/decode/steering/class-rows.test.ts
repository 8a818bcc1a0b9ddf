import { describe, expect, it } from "vitest";
import { logSumExp } from "../../../../shared/decode/logits.ts";
import { ClassRows, cutByClass, cutImplausible } from "../../../../shared/decode/steering/class-rows.ts";
import { createRandom } from "../../../../shared/random.ts";
import { SCORERS, VOCABULARY } from "../../../contract/steering-model.ts";

const OUT = Number.NEGATIVE_INFINITY;

/** The definition itself: sort, add up, compare. */
function cutBySorting(scores: Float64Array, logs: Float64Array, filter: number, keepAbove: number): Float64Array {
  const normaliser = logSumExp(scores);
  const order = [...scores.keys()].filter((token) => scores[token] !== OUT);
  order.sort((a, b) => logs[a]! - logs[b]! || a - b);
  const cut = scores.slice();
  let mass = 0;
  for (const token of order.slice(0, -1)) {
    mass += Math.exp(scores[token]! - normaliser);
    if (mass < filter && logs[token]! < Math.log(keepAbove)) cut[token] = OUT;
  }
  return cut;
}

describe("cutByClass", () => {
  it("cuts what sorting cuts, with ties and tokens that were ruled out before", () => {
    const random = createRandom(4, "cut");
    let cuts = 0;
    for (let n = 0; n < 400; n++) {
      const size = 1 + random.below(40);
      const scores = Float64Array.from({ length: size }, () => (random.float() < 0.2 ? OUT : 3 * random.normal()));
      scores[random.below(size)] = 1;
      const logs = Float64Array.from({ length: size }, () => Math.log((1 + random.below(9)) / 10));
      const [filter, keepAbove] = [random.float(), random.float()];
      const expected = cutBySorting(scores, logs, filter, keepAbove);
      cuts += expected.filter((score, token) => score !== scores[token]).length;
      cutByClass(scores, logs, { filter, keepAbove, order: new Uint32Array(size) });
      expect(scores).toEqual(expected);
    }
    expect(cuts).toBeGreaterThan(500);
  });

  it("cuts nothing at 0, and leaves the token that fits best at 1", () => {
    const logs = Float64Array.from([0.2, 0.1, 0.4, 0.3], Math.log);
    const cut = (filter: number) => {
      const scores = new Float64Array(4);
      cutByClass(scores, logs, { filter, keepAbove: 1, order: new Uint32Array(4) });
      return [...scores].map(Number.isFinite);
    };
    expect(cut(0)).toEqual([true, true, true, true]);
    expect(cut(1)).toEqual([false, false, true, false]);
    // Two tokens have a mass of ½, which is not less than ½: only the first of them goes.
    expect(cut(0.5)).toEqual([true, false, true, true]);
  });

  it("takes time in proportion to the vocabulary", () => {
    const size = 150_000;
    const scores = new Float64Array(size);
    const logs = Float64Array.from({ length: size }, (_, token) => -token);
    const counts = { reads: 0 };
    const counted = new Proxy(logs, {
      get(of, at) {
        counts.reads++;
        return Reflect.get(of, at);
      },
    });
    cutByClass(scores, counted, { filter: 0.5, keepAbove: 1, order: new Uint32Array(size) });
    // Sorting would read about 2 · 17 values for each token.
    expect(counts.reads).toBeLessThan(12 * size);
  });
});

describe("ClassRows", () => {
  const scorer = SCORERS.mood!;
  const rows = (step: number) => (label: number) => {
    const random = createRandom(step, "rows", label);
    return Float32Array.from({ length: VOCABULARY }, () => random.normal());
  };
  const logsOf = (judged: ClassRows, label: number) => {
    const logs = new Float64Array(VOCABULARY);
    judged.tokenLogProbabilities(label, logs);
    return logs;
  };

  it("says of each next token what it will say of the text with it", () => {
    const judged = new ClassRows(scorer);
    const generated: number[] = [];
    for (const token of [3, 20, 7, 7]) {
      judged.take(generated, rows(generated.length));
      const expected = scorer.about.labels.map((_, label) => logsOf(judged, label)[token]!);
      generated.push(token);
      judged.take(generated, rows(generated.length));
      for (const [label, log] of expected.entries()) expect(judged.logProbability(label)).toBeCloseTo(log, 10);
      const sum = expected.reduce((total, log) => total + Math.exp(log), 0);
      expect(sum).toBeCloseTo(1, 10);
    }
  });

  it("begins with the scorer's bias, and takes a step once", () => {
    const judged = new ClassRows(scorer);
    judged.take([], rows(0));
    const { bias } = scorer.about.class_rows!;
    const temperature = scorer.about.temperatures.class_rows!;
    const normaliser = logSumExp(bias.map((each) => each / temperature));
    expect(judged.logProbability(2)).toBeCloseTo(bias[2]! / temperature - normaliser, 12);
    judged.take([4], rows(1));
    const once = judged.logProbability(0);
    judged.take([4], rows(1));
    expect(judged.logProbability(0)).toBe(once);
  });
});

it("cutImplausible rules out what is far below the likeliest, and nothing for a share of 0", () => {
  const scores = () => Float64Array.of(1, 1 + Math.log(0.06), 1 + Math.log(0.04), Number.NEGATIVE_INFINITY);
  const cut = scores();
  cutImplausible(cut, 0.05);
  expect([...cut].map(Number.isFinite)).toEqual([true, true, false, false]);
  const whole = scores();
  cutImplausible(whole, 0);
  expect(whole).toEqual(scores());
});
