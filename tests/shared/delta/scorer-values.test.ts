import { describe, expect, test } from "vitest";
import {
  calibrated,
  classLogits,
  classLogProbabilities,
  classRowLogits,
  logSoftmax,
  tokenLogProbabilities,
  tokenValues,
} from "../../../shared/delta/scorer-values.ts";
import { f32 } from "../../../shared/tensor.ts";
import { SCORER_GOLDENS, scorerOf } from "./golden-scorer.ts";
import { aboutOf } from "./random-scorer.ts";

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [at, value] of expected.entries()) expect(actual[at]).toBeCloseTo(value, 10);
}

describe.each(SCORER_GOLDENS)("what PyTorch computes: %#", (golden) => {
  const scorer = scorerOf(golden);
  const final = Float32Array.from(golden.final.data);
  const [classes, vocabulary] = golden.values.shape as [number, number];

  test("the head's logits and log-probabilities", () => {
    expectClose(classLogits(scorer, final), golden.head.data);
    expectClose(classLogProbabilities(scorer, final), golden.head_log_probabilities.data);
  });

  test("the class scores of every next token", () => {
    expectClose(tokenValues(scorer, final), golden.values.data);
  });

  test("the log-probability of each class after every next token", () => {
    for (let label = 0; label < classes; label++) {
      const expected = golden.token_log_probabilities.data.slice(label * vocabulary, (label + 1) * vocabulary);
      expectClose(tokenLogProbabilities(scorer, final, label), expected);
    }
  });
});

describe("rows of each class", () => {
  const [golden] = SCORER_GOLDENS;
  const { about, ...tensors } = scorerOf(golden!);
  const scorer = {
    ...tensors,
    about: {
      ...about,
      temperatures: { class_rows: 2 },
      class_rows: { control: [[1], [2]], scale: 3, bias: [0.5, -0.25] },
    },
  };

  test("score the mean log-probability of a token", () => {
    const logits = classRowLogits(scorer, [-8, -6], 4);
    expect([...logits]).toEqual([0.5 - 6, -0.25 - 4.5]);
    expect([...calibrated(scorer, logits, "class_rows")]).toEqual([-2.75, -2.375]);
  });
});

describe("extremes", () => {
  const [golden] = SCORER_GOLDENS;
  test("huge logits give finite log-probabilities", () => {
    const scorer = scorerOf(golden!);
    const huge = { ...scorer, bias: f32([2], [3e4, -3e4]) };
    const final = Float32Array.from(golden!.final.data);
    for (const label of [0, 1]) {
      expect(tokenLogProbabilities(huge, final, label).every((value) => Number.isFinite(value) && value <= 0)).toBe(
        true,
      );
    }
    expect([...logSoftmax(Float64Array.of(1000, 0))]).toEqual([0, -1000]);
  });
});

test("a way that it was not trained for is refused by name", () => {
  const { tokens: _, ...head } = scorerOf(SCORER_GOLDENS[0]!);
  const scorer = { ...head, about: { ...aboutOf(2), temperatures: {} } };
  const final = Float32Array.from(SCORER_GOLDENS[0]!.final.data);
  const refusal = (mode: string) =>
    expect.objectContaining({ code: "invalid_request", param: "mode", message: expect.stringContaining(mode) });
  expect(() => classLogProbabilities(scorer, final)).toThrow(refusal("lookahead"));
  expect(() => classRowLogits(scorer, [0, 0], 1)).toThrow(refusal("class_rows"));
  expect(() => tokenValues(scorer, final)).toThrow(refusal("token_values"));
  expect(() => tokenLogProbabilities(scorer, final, 0)).toThrow(refusal("token_values"));
});

test("all next tokens take about as long as their multiplications alone", () => {
  const [width, vocabulary, rank, classes] = [256, 2048, 16, 2];
  const tensor = (...shape: [number, number]) =>
    f32(shape, Float32Array.from({ length: shape[0] * shape[1] }, Math.sin));
  const scorer = {
    weight: tensor(width, classes),
    bias: f32([classes], [0, 0]),
    tokens: { a: tensor(width, classes * rank), t: tensor(vocabulary, rank) },
    about: aboutOf(classes),
  };
  const final = Float32Array.from({ length: width }, Math.cos);
  const read = Float64Array.from({ length: rank }, Math.cos);
  const products = () => {
    const sums = new Float64Array(classes * vocabulary);
    const { data } = scorer.tokens.t;
    for (let row = 0; row < sums.length; row++) {
      const start = (row % vocabulary) * rank;
      for (let r = 0; r < rank; r++) sums[row]! += data[start + r]! * read[r]!;
    }
    return sums;
  };
  // Interleaved, and the fastest of many turns: a busy machine slows all three alike.
  const contenders = [products, () => tokenValues(scorer, final), () => tokenLogProbabilities(scorer, final, 1)];
  const fastest = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < 300; turn++) {
    for (const [c, run] of contenders.entries()) {
      const start = performance.now();
      run();
      fastest[c] = Math.min(fastest[c]!, performance.now() - start);
    }
  }
  const [alone, values, logProbabilities] = fastest as [number, number, number];
  expect(values / alone).toBeLessThan(3);
  expect(logProbabilities / alone).toBeLessThan(3);
});
