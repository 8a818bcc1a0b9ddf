import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import { probabilities, processed } from "../processing.ts";

const logits = [0, Math.log(2), Math.log(5), Math.log(2)];
const kept = (scores: readonly number[]) =>
  scores.flatMap((score, token) => (score === Number.NEGATIVE_INFINITY ? [] : [token]));

describe("nucleus", () => {
  it("keeps the smallest set of tokens that reaches the sum, lower ids first among equals", () => {
    expect(kept(processed("nucleus", 0.6, { logits }))).toEqual([1, 2]);
    expect(kept(processed("nucleus", 0.5, { logits }))).toEqual([2]);
    expect(kept(processed("nucleus", 0.01, { logits }))).toEqual([2]);
    expect(kept(processed("nucleus", 0.95, { logits }))).toEqual([0, 1, 2, 3]);
  });

  it("leaves the scores of what it keeps as they are", () => {
    expect(processed("nucleus", 0.6, { logits })).toEqual([
      Number.NEGATIVE_INFINITY,
      Math.log(2),
      Math.log(5),
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it("keeps what sorting the whole vocabulary keeps", () => {
    const random = createRandom(3, "nucleus");
    for (let n = 0; n < 100; n++) {
      const random40 = Array.from({ length: 40 }, () => 4 * random.normal());
      const topP = random.float();
      const p = probabilities(random40);
      const order = [...p.keys()].sort((a, b) => p[b]! - p[a]! || a - b);
      let mass = 0;
      const size = order.findIndex((token) => {
        mass += p[token]!;
        return mass >= topP;
      });
      const expected = order.slice(0, size + 1).sort((a, b) => a - b);
      expect(kept(processed("nucleus", topP, { logits: random40 }))).toEqual(expected);
    }
  });
});
