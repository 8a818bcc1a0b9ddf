import { describe, expect, it } from "vitest";
import { commonSubsequence } from "../../../../shared/graders/text/common-subsequence.ts";
import { numbered } from "../../../../shared/graders/text/words.ts";
import { createRandom } from "../../../../shared/random.ts";

/** The table of the definition. */
function plain(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    b.forEach((y, j) => {
      next.push(x === y ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!));
    });
    row = next;
  }
  return row.at(-1)!;
}

describe("commonSubsequence", () => {
  it("is the table's, across blocks of 32", () => {
    const random = createRandom(3);
    for (let i = 0; i < 300; i++) {
      const letters = 1 + random.below(6);
      const draw = () => Array.from({ length: random.below(140) }, () => String(random.below(letters)));
      const [a, b] = [draw(), draw()];
      expect(commonSubsequence(numbered(a, b))).toBe(plain(a, b));
    }
  });

  it("refuses what would take too long, and says how much may be", () => {
    const long = { a: new Int32Array(100_000), b: new Int32Array(100_000), count: 1 };
    expect(() => commonSubsequence(long)).toThrow(/100000 and 100000 parts .*1000000000/);
  });
});
