import { describe, expect, it } from "vitest";
import { argmax, kthHighest, likeliest, logSumExp, scoreToken } from "../../../shared/decode/logits.ts";
import { createRandom } from "../../../shared/random.ts";

const LOGITS = Float32Array.of(0, Math.log(2), Math.log(5), Math.log(2));

describe("argmax", () => {
  it("takes the lowest id among equals", () => {
    expect(argmax(LOGITS)).toBe(2);
    expect(argmax(Float32Array.of(1, 3, 3))).toBe(1);
  });
});

describe("logSumExp", () => {
  it("neither overflows nor underflows", () => {
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.log(2), 10);
    expect(logSumExp([-1000, Number.NEGATIVE_INFINITY])).toBe(-1000);
  });
});

describe("likeliest", () => {
  it("gives what sorting all tokens gives", () => {
    const random = createRandom(1, "likeliest");
    for (let n = 0; n < 200; n++) {
      // Few values, so that there are many equals.
      const logits = Float32Array.from({ length: 1 + random.below(40) }, () => random.below(9));
      const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
      for (const count of [0, 1, 3, 20, 40]) expect(likeliest(logits, count)).toEqual(order.slice(0, count));
    }
  });
});

describe("kthHighest", () => {
  it("gives what sorting all scores gives, and leaves them as they are", () => {
    const random = createRandom(2, "kthHighest");
    for (let n = 0; n < 200; n++) {
      const values = [Number.NEGATIVE_INFINITY, 0, 1, 2, 3, 4, 5];
      const scores = Float64Array.from({ length: 1 + random.below(40) }, () => values[random.below(values.length)]!);
      const before = scores.slice();
      const sorted = scores.toSorted().reverse();
      for (let k = 1; k <= scores.length; k++) expect(kthHighest(scores, k)).toBe(sorted[k - 1]);
      expect(scores).toEqual(before);
    }
  });
});

describe("scoreToken", () => {
  it("gives log-probabilities of the model's own distribution, the likeliest first", () => {
    const { token, logprob, top } = scoreToken(LOGITS, 0, 3);
    expect(token).toBe(0);
    expect(Math.exp(logprob)).toBeCloseTo(0.1, 6);
    expect(top.map((each) => each.token)).toEqual([2, 1, 3]);
    expect(Math.exp(top[0]!.logprob)).toBeCloseTo(0.5, 6);
  });
});
