import { expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { DiverseBeams } from "../../../shared/search/diverse-beams.ts";

const scoresOf = (text: string) => {
  const random = createRandom(4, text);
  return Float64Array.from({ length: 6 }, () => random.normal() - 2);
};

function texts(groups: number, diversity: number): string[] {
  const settings = { beams: 4, groups, diversity, maxTokens: 3, lengthPenalty: 1, earlyStopping: false, endTokens: 0 };
  const beams = new DiverseBeams(settings, "");
  while (!beams.done) {
    beams.step({
      scores: beams.running.map(({ text }) => scoresOf(text)),
      extend: (text, token) => ({ text: `${text}${token}`, ends: false }),
    });
  }
  return beams.results.map(({ text }) => text);
}

// The numbers themselves are held to a reference in tests/edge/serving/search/search-beams.test.ts.
it("keeps groups apart, the more the stronger", () => {
  const different = (found: readonly string[]) => new Set(found).size;
  expect(texts(4, 0)).toEqual(Array(4).fill(texts(4, 0)[0]));
  expect(different(texts(4, 100))).toBe(4);
  // In every step each group takes a token that no other takes.
  for (const at of [0, 1, 2]) expect(different(texts(4, 100).map((text) => text[at]!))).toBe(4);
  expect(different(texts(1, 100))).toBe(4);
});
